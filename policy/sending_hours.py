"""When a client's clock allows sending: hours of the week on a wall clock, and the next moment at which it is open.

Pure: the zone comes as a `tzinfo`, now as an argument. Open is what the clock on the wall shows: an hour that a change
of clocks skips never opens, one that it shows twice is open twice (docs/architecture.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final

__all__ = ["SYNTAX", "SendingHours", "Window", "is_open", "next_opening", "read_hours", "write_hours"]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: The two texts that name no window.
ALWAYS: Final = "always"
NEVER: Final = "never"
#: What a text of sending hours looks like, for a person who has written another.
SYNTAX: Final = "always, never, or days with windows such as `mon-fri 09:00-12:30 13:30-17:00, sat 22:00-02:00`"

_DAY_MIN: Final = 1_440
#: Days that are looked through for an opening: a weekly window may fall into a change of clocks, and a zone that
#: crosses the date line skips a whole day (Apia, 2011-12-30); two weeks later each of them has come.
_HORIZON: Final = timedelta(days=16)
#: Changes of one zone's clock lie further apart than this.
_STEP: Final = timedelta(hours=12)

_ITEM: Final = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?(?P<windows>(?: \d\d:\d\d-\d\d:\d\d)+)")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Open from `opens_min` until before `closes_min`, minutes after the midnight with which `day` (0: Monday) begins.

    A window past midnight closes after minute 1,440: it belongs to the day on which it opens.
    """

    day: int
    opens_min: int
    closes_min: int

    def covers(self, wall: datetime) -> bool:
        """Whether the clock on the wall stands within it."""
        since_min = wall.hour * 60 + wall.minute
        if wall.weekday() == self.day:
            return self.opens_min <= since_min < self.closes_min
        return wall.weekday() == (self.day + 1) % 7 and since_min < self.closes_min - _DAY_MIN


@dataclass(frozen=True, slots=True)
class SendingHours:
    """The windows of a week; none of them: never."""

    windows: tuple[Window, ...]


def read_hours(text: str) -> SendingHours:
    """The hours that a text says, in any case. Raises ValueError, its message what is wrong with which piece."""
    plain = " ".join(text.lower().replace(",", " , ").split()).replace(" ,", ",")
    if plain == ALWAYS:
        return SendingHours(tuple(Window(day, 0, _DAY_MIN) for day in range(7)))
    if plain == NEVER:
        return SendingHours(())
    return SendingHours(tuple(sorted({window for item in plain.split(", ") for window in _windows(item)})))


def write_hours(hours: SendingHours) -> str:
    """The text that `read_hours` reads as these hours; days with the same windows stand together."""
    if not hours.windows:
        return NEVER
    if hours == read_hours(ALWAYS):
        return ALWAYS
    by_day = {day: [one for one in sorted(hours.windows) if one.day == day] for day in range(7)}
    spoken = {day: " ".join(_spoken(one) for one in windows) for day, windows in by_day.items()}
    items, day = [], 0
    while day < 7:
        last = day
        while last < 6 and spoken[last + 1] == spoken[day]:
            last += 1
        if spoken[day]:
            days = DAYS[day] if last == day else f"{DAYS[day]}-{DAYS[last]}"
            items.append(f"{days} {spoken[day]}")
        day = last + 1
    return ", ".join(items)


def is_open(hours: SendingHours, now: datetime, zone: tzinfo) -> bool:
    """Whether the clock of `zone` stands within a window at `now` (aware)."""
    wall = now.astimezone(zone)
    return any(window.covers(wall) for window in hours.windows)


def next_opening(hours: SendingHours, now: datetime, zone: tzinfo) -> datetime | None:
    """The first moment from `now` (aware) on at which it is open, in UTC: `now` itself if it is; None for never.

    It opens where the wall clock comes to a window's opening, in either of the hours that it may show twice, or where
    a change of clocks moves it into a window.
    """
    now = now.astimezone(timezone.utc)
    if is_open(hours, now, zone):
        return now
    moments = [*_openings(hours.windows, now, zone), *_changes(now, zone)]
    return next((at for at in sorted(moments) if at >= now and is_open(hours, at, zone)), None)


def _openings(windows: Iterable[Window], now: datetime, zone: tzinfo) -> Iterator[datetime]:
    """When the wall clock shows each window's opening; for one that it skips, moments near by, which mislead nobody:
    the earliest that is open is taken, and that one is the change itself.
    """
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    opening = [(window.day, timedelta(minutes=window.opens_min)) for window in windows]
    for ahead in range(-1, _HORIZON.days):
        midnight = today + timedelta(days=ahead)
        for day, since in opening:
            if midnight.weekday() == day:
                for fold in (0, 1):
                    yield (midnight + since).replace(tzinfo=zone, fold=fold).astimezone(timezone.utc)


def _changes(now: datetime, zone: tzinfo) -> Iterator[datetime]:
    """The moments (to the second) at which the zone's clock is changed."""
    before = now
    while before < now + _HORIZON:
        after = before + _STEP
        if _offset(before, zone) != _offset(after, zone):
            yield _change_between(before, after, zone)
        before = after


def _change_between(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """By halves: the first whole second with the offset of `after`."""
    former = _offset(before, zone)
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(datetime.fromtimestamp(middle, timezone.utc), zone) == former:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, timezone.utc)


def _offset(at: datetime, zone: tzinfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def _windows(item: str) -> Iterator[Window]:
    """`mon-fri 09:00-17:00`. Raises ValueError."""
    found = _ITEM.fullmatch(item)
    if found is None:
        raise ValueError(f"{item!r} is none of {SYNTAX}")
    first, last = _day(found["first"]), _day(found["last"] or found["first"])
    for spoken in found["windows"].split():
        opens_min, closes_min = (_minute(clock) for clock in spoken.split("-"))
        if opens_min in (closes_min, _DAY_MIN):
            raise ValueError(f"{spoken!r} opens and closes at once; a whole day is 00:00-24:00")
        closes_min += _DAY_MIN if closes_min < opens_min else 0
        for ahead in range((last - first) % 7 + 1):
            yield Window((first + ahead) % 7, opens_min, closes_min)


def _day(name: str) -> int:
    if name not in DAYS:
        raise ValueError(f"{name!r} is no day of {', '.join(DAYS)}")
    return DAYS.index(name)


def _minute(clock: str) -> int:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise ValueError(f"{clock!r} is no time of day from 00:00 to 24:00")
    return int(found[1]) * 60 + int(found[2]) if found[1] else _DAY_MIN


def _spoken(window: Window) -> str:
    closes_min = window.closes_min if window.closes_min <= _DAY_MIN else window.closes_min - _DAY_MIN
    return f"{_clock(window.opens_min)}-{_clock(closes_min)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
