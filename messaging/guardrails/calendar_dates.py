"""Reads the dates that a text names: `March 5`, `05/03`, `2026-03-05`, `next Tuesday`, `tomorrow`, `the 5th`.

A date is the set of days it may mean, seen from `today`: `05/03` is two of them, a bare `Tuesday` one a week.
Two dates agree if they share a day. `Wednesday, March 3` where that is a Tuesday means no day at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from messaging.guardrails.calendar_days import (
    Days,
    month_day,
    named_weekday,
    numeric,
    of_weekday,
    relative,
    span,
    whole_week,
)
from messaging.guardrails.lexicon import MONTHS, NUMBERS, RELATIVE_DAYS, WEEKDAY_ABBREVIATIONS, WEEKDAYS
from messaging.guardrails.plain_text import without_numeric_noise
from messaging.patterns import regex

#: Weeks that a bare weekday of a draft may reach ahead: slots are offered no further away than that.
DRAFT_WEEKS = 6
#: The lead's own `Tuesday` may be the one after next where next week is spoken of.
LEAD_WEEKS = 2


@dataclass(frozen=True, slots=True)
class DateMention:
    """`days` is what the words may mean; empty if they contradict themselves. `relative` words need no calendar;
    `bare` is a weekday alone.
    """

    begin: int
    end: int
    words: str
    days: Days
    relative: bool = False
    bare: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    today: date
    weeks: int


_Read = Callable[[re.Match[str], _Seen], "Days | None"]


def _names(table: dict[str, int]) -> str:
    return "|".join(sorted(map(re.escape, table), key=len, reverse=True))


_MONTH = rf"(?P<month>{_names(MONTHS)})"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|\.|er)?"
_WEEKDAY = rf"(?P<weekday>{_names(WEEKDAYS)}|(?-i:{_names(WEEKDAY_ABBREVIATIONS)}))(?:'?s)?(?![\w-])"
_LED = rf"(?:{_WEEKDAY}(?: the|,? den|,? le|,? el)?[, ]+(?:the )?)?"
_YEAR = r"(?:,? ?(?P<year>20\d\d)\b|,? '(?P<short>\d\d)\b)?"
_UNTIL = r"(?: ?(?:-|to|through|until|bis) ?(?:the )?(?P<until>[0-3]?\d)(?:st|nd|rd|th|\.)?(?![\d:]|\s?[ap]m\b))?"
_NEXT = r"(?P<next>next|following|kommenden|n\u00e4chsten|this coming|this|coming|last|past|letzten)"
_LEADING_WORD = rf"(?:on|by|for|from|until|before|after|since|between|to|the|am|vom|zum|le|el|{_names(WEEKDAYS)})"
_COUNT = r"\d{1,2}|" + "|".join(NUMBERS)
_ENDS = (
    r"(?=\s*(?:$|[.,;:!?)\n]|at\b|or\b|and\b|would\b|works?\b|is\b|in the\b|from\b|between\b|of (?:this"
    r"|next) month|then\b|please\b|instead\b|suits?\b|it\b|was\b|will\b))"
)


def _spelled(found: re.Match[str], seen: _Seen) -> Days | None:
    groups = found.groupdict()
    year = int(groups["year"] or (f"20{groups['short']}" if groups["short"] else 0)) or None
    month = MONTHS[groups["month"].lower()]
    days = month_day(month, int(groups["day"]), year, seen.today) or frozenset()
    if days and groups["until"]:
        days = span(days, month_day(month, int(groups["until"]), year, seen.today) or frozenset())
    return _agreeing(days, found)


def _numbered(found: re.Match[str], seen: _Seen) -> Days | None:
    return _agreeing(numeric(found["a"], found["b"], found["c"], seen.today, day_first=found["sep"] == "."), found)


def _iso(found: re.Match[str], seen: _Seen) -> Days | None:
    return _agreeing(month_day(int(found["m"]), int(found["d"]), int(found["y"]), seen.today), found)


def _qualified(found: re.Match[str], seen: _Seen) -> Days | None:
    return named_weekday(_weekday(found), found["next"].lower(), seen.today)


def _weekday_of_next_week(found: re.Match[str], seen: _Seen) -> Days | None:
    return whole_week(seen.today, 1) & of_weekday(_weekday(found), seen.today, 3)


def _bare(found: re.Match[str], seen: _Seen) -> Days | None:
    return of_weekday(_weekday(found), seen.today, seen.weeks)


def _relative(found: re.Match[str], seen: _Seen) -> Days | None:
    return relative(RELATIVE_DAYS[found[1].lower()], seen.today)


def _in_days(found: re.Match[str], seen: _Seen) -> Days | None:
    count = found["count"].lower()
    number = int(count) if count.isdigit() else NUMBERS.get(count, 1)
    return relative(number * (7 if found["unit"].lower().startswith("w") else 1), seen.today)


def _ordinal(found: re.Match[str], seen: _Seen) -> Days | None:
    months = {seen.today.month, seen.today.month % 12 + 1}
    days = [month_day(month, int(found["day"]), None, seen.today) for month in months]
    return _agreeing(frozenset().union(*(each for each in days if each)), found)


#: Tried in this order; what one has read, the later ones leave alone.
_PATTERNS: tuple[tuple[re.Pattern[str], _Read, bool], ...] = tuple(
    (regex(pattern, re.IGNORECASE), read, is_relative)
    for pattern, read, is_relative in (
        (rf"\b{_LED}(?<![\d.])(?P<y>20\d\d)-(?P<m>[01]\d)-(?P<d>[0-3]\d)(?!\d)", _iso, False),
        (
            rf"\b{_LED}(?<![\d$:./]){_MONTH} {_DAY}\b(?![:/]|\s?[ap]m\b|\s?uhr){_UNTIL}{_YEAR}",
            _spelled,
            False,
        ),
        (
            (
                rf"\b{_LED}(?<![\d$:./]){_DAY}(?: ?(?:-|to|bis) ?(?P<until>[0-3]?\d)(?:st|nd|rd|th|\.)?)?"
                rf" ?(?:of |de )?{_MONTH}\b{_YEAR}"
            ),
            _spelled,
            False,
        ),
        (
            (
                rf"\b{_LED}(?<![\d$:./-])(?P<a>[0-3]?\d)(?P<sep>[./-])(?P<b>[0-3]?\d)(?P=sep)(?P<c>20\d\d"
                rf"|\d\d)(?![\d/-]|\.\d)"
            ),
            _numbered,
            False,
        ),
        (
            (
                rf"\b(?:{_LEADING_WORD}|{_WEEKDAY}),? (?P<a>[0-3]?\d)(?P<sep>/)(?P<b>[0-3]?\d)(?P<c>)(?![\d/%]|\s?(?:of"
                rf"|stars?)\b)"
            ),
            _numbered,
            False,
        ),
        (
            rf"\b(?:am|vom|zum|den|ab|bis|{_WEEKDAY},?) (?P<a>[0-3]?\d)(?P<sep>\.) ?(?P<b>[01]?\d)\.(?P<c>)(?!\d)",
            _numbered,
            False,
        ),
        (rf"\b{_NEXT} {_WEEKDAY}", _qualified, False),
        (rf"\b{_WEEKDAY}(?: of)?,? next week\b", _weekday_of_next_week, False),
        (rf"\bnext week(?: on)?,? {_WEEKDAY}", _weekday_of_next_week, False),
        (
            rf"(?<!good )(?<!guten )(?<!por la )(?<!de la )\b({_names(RELATIVE_DAYS)})(?![\w-])",
            _relative,
            True,
        ),
        (rf"\bin (?P<count>an?|{_COUNT}) (?P<unit>days?|weeks?)\b(?! of)", _in_days, True),
        (
            (
                rf"\b(?:(?:(?:on|for|by|until|before|after|to|in) )?the|{_WEEKDAY},?(?: the)?) (?P<day>[0-3]?\d)(?:st"
                rf"|nd|rd|th){_ENDS}"
            ),
            _ordinal,
            False,
        ),
        (rf"\b{_WEEKDAY}", _bare, False),
    )
)


def find_dates(text: str, today: date, *, weeks: int = DRAFT_WEEKS) -> list[DateMention]:
    """Every date that normalised `text` names, in order. `today` is the writer's day.

    `weeks` says how far a bare weekday reaches. Past days (`last Friday`) are no mention.
    """
    readable, seen = without_numeric_noise(text), _Seen(today, weeks)
    return sorted(_mentions(readable, seen), key=lambda mention: mention.begin)


def _mentions(text: str, seen: _Seen) -> Iterator[DateMention]:
    taken = [False] * (len(text) + 1)
    for pattern, read, is_relative in _PATTERNS:
        for found in pattern.finditer(text):
            if any(taken[found.start() : found.end()]):
                continue
            days = read(found, seen)
            taken[found.start() : found.end()] = [True] * (found.end() - found.start())
            if days is not None and not _is_name(found):
                yield DateMention(found.start(), found.end(), found[0].strip(), days, is_relative, read is _bare)


def _agreeing(days: Days | None, found: re.Match[str]) -> Days | None:
    """Those of `days` that fall on the weekday named with them, if one is."""
    if days is None or not found.groupdict().get("weekday"):
        return days
    return frozenset(day for day in days if day.weekday() == _weekday(found))


def _weekday(found: re.Match[str]) -> int:
    name = found["weekday"]
    return WEEKDAY_ABBREVIATIONS[name] if name in WEEKDAY_ABBREVIATIONS else WEEKDAYS[name.lower()]


def _is_name(found: re.Match[str]) -> bool:
    """`Sun`, `Sat`, `Mon` and `Wed` without a day, time or conjunction beside them are words or names."""
    if found[0] not in WEEKDAY_ABBREVIATIONS:
        return False
    beside = found.string[found.end() : found.end() + 12]
    return not re.match(r"\s*(?:[,.;:!?)/-]|$|\d|at\b|or\b|and\b|am\b|pm\b|morning|afternoon|evening|works?\b)", beside)


def expand_range(first: DateMention, last: DateMention) -> Days:
    """All days of `Monday to Thursday`; empty if they cannot be brought into an order within two weeks."""
    return span(first.days, last.days, within=timedelta(days=14))
