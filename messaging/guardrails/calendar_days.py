"""Which days a written date may mean, seen from a day. Calendar arithmetic only; it reads no text."""

from __future__ import annotations

from datetime import date, timedelta

Days = frozenset[date]

#: A date without a year lies at most this far back; further back it means next year.
DAYS_BACK = 30
#: The longest range of days that is spelled out.
RANGE_DAYS = 31


def month_day(month: int, day: int, year: int | None, today: date) -> Days | None:
    """That day; without a year the nearest one not long past. None if no calendar has such a day."""
    if year is not None:
        return _one(year, month, day)
    candidates = [_one(today.year + shift, month, day) or frozenset() for shift in (-1, 0, 1, 2)]
    ahead = [each for each in candidates for each_day in each if each_day >= today - timedelta(days=DAYS_BACK)]
    return ahead[0] if ahead else None


def numeric(first: str, second: str, year: str, today: date, *, day_first: bool) -> Days | None:
    """`05/03` is 5 March or 3 May; with dots it is 5 March alone. None if it is no date in either reading."""
    in_year = (int(year) if len(year) == 4 else 2000 + int(year)) if year else None
    readings = [(int(second), int(first))] if day_first else [(int(second), int(first)), (int(first), int(second))]
    days = [month_day(month, day, in_year, today) for month, day in readings]
    together = frozenset[date]().union(*(each for each in days if each))
    return together or None


def of_weekday(weekday: int, today: date, weeks: int) -> Days:
    """The next `weeks` days of that name, today among them."""
    first = today + timedelta(days=(weekday - today.weekday()) % 7)
    return frozenset(first + timedelta(weeks=week) for week in range(weeks))


def named_weekday(weekday: int, which: str, today: date) -> Days | None:
    """`next Tuesday` is the first one after today, or next week's: people mean either. None for past ones."""
    if which in {"last", "past", "letzten"}:
        return None
    upcoming = today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    if which in {"next", "following", "n\u00e4chsten", "kommenden"}:
        return frozenset({upcoming, *(whole_week(today, 1) & of_weekday(weekday, today, 3))})
    return frozenset({upcoming, *(whole_week(today, 0) & of_weekday(weekday, today, 1))})


def whole_week(today: date, ahead: int) -> Days:
    """Monday to Sunday of the week that is `ahead` weeks from today's."""
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=ahead)
    return frozenset(monday + timedelta(days=day) for day in range(7))


def relative(days_ahead: int, today: date) -> Days:
    """The one day that is so many days from today."""
    return frozenset({today + timedelta(days=days_ahead)})


def span(first: Days, last: Days, within: timedelta = timedelta(days=RANGE_DAYS)) -> Days:
    """All days from the first day of `first` to the first day of `last` after it; empty if there is none `within`."""
    if not first:
        return frozenset()
    begin = min(first)
    end = next((day for day in sorted(last) if begin <= day <= begin + within), None)
    return frozenset(begin + timedelta(days=day) for day in range((end - begin).days + 1)) if end else frozenset()


def _one(year: int, month: int, day: int) -> Days | None:
    try:
        return frozenset({date(year, month, day)})
    except ValueError:
        return None
