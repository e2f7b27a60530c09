"""Reads the windows of time that a lead gives: `between 2 and 5pm`, `after 3`, `Thursday afternoon`, `any time Friday`.

A window holds readings of the clock from `opens` to `closes`, both included, on `days`, or on any day if that is empty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from messaging.guardrails.calendar_dates import DateMention, expand_range
from messaging.guardrails.clock_times import TimeMention
from messaging.guardrails.plain_text import Piece, clauses
from messaging.guardrails.stances import declines
from messaging.patterns import regex

DAY_OPENS, DAY_CLOSES = 0, 1440
#: Minutes since midnight. People's mornings and evenings overlap with afternoons; the generous reading is meant.
_PARTS = {
    "morning": (300, 720), "mornings": (300, 720), "afternoon": (720, 1080), "afternoons": (720, 1080),
    "evening": (1020, 1320), "evenings": (1020, 1320), "lunchtime": (660, 840), "lunch": (660, 840),
    "vormittag": (300, 720), "vormittags": (300, 720), "nachmittag": (720, 1080), "nachmittags": (720, 1080),
    "abend": (1020, 1320), "matin": (300, 720), "apr\u00e8s-midi": (720, 1080),
}  # fmt: skip
#: Taken before the parts of the day that they end or begin.
_AROUND_LUNCH = {"before lunch": (300, 720), "after lunch": (720, 1080)}
_PART = regex(rf"\b(?<!good )(?<!guten )({'|'.join(_PARTS)})\b", re.IGNORECASE)
#: `I'm free on Tuesday` is a day, not a window: which of its hours is what the offered slots say.
_ANY_TIME = regex(
    r"\b(?:any ?time|any (?:slot|hour)|all day|whenever|whole (?:day|week)|flexible|wide open|jederzeit|ganzen tag)\b",
    re.IGNORECASE,
)
_AFTER = regex(
    r"\b(?:after|from|since|past|not before|later than|starting(?: at)?|nach|ab|apr\u00e8s|\u00e0 partir de)\s*$",
    re.IGNORECASE,
)
_BEFORE = regex(r"\b(?:before|until|till|by|earlier than|not after|no later than|vor|bis|avant)\s*$", re.IGNORECASE)
_ONWARDS = regex(r"^\s*(?:onwards?|or later|or after|and later|and after)\b", re.IGNORECASE)
_TO = regex(r"^\s*(?:-|to|until|till|and|bis|und)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` to `closes` in minutes since midnight, on `days` (any, if empty)."""

    opens: int
    closes: int
    days: frozenset[date]

    def holds(self, minutes: frozenset[int], days: frozenset[date]) -> bool:
        """Whether a time may lie in the window, and on a day of it where both name days."""
        in_time = any(self.opens <= minute <= self.closes for minute in _daytime(minutes))
        return in_time and (not days or not self.days or bool(days & self.days))


def find_windows(text: str, times: list[TimeMention], dates: list[DateMention]) -> list[Window]:
    """The windows that normalised `text` gives, each with the days named in its sentence; refused ones are left out."""
    found: list[Window] = []
    for clause in clauses(text):
        if not declines(clause.words):
            here = [time for time in times if clause.holds(time.begin)]
            days = days_named([each for each in dates if clause.holds(each.begin)], text)
            found += _clause_windows(text, clause, here, days)
    return found


def days_named(dates: list[DateMention], text: str) -> frozenset[date]:
    """All days of `dates`, and those between two of them that are joined as `Monday to Thursday`."""
    days = frozenset[date]().union(*(each.days for each in dates))
    for first, last in pairwise(dates):
        gap = text[first.end : last.begin].strip().lower()
        if gap in {"to", "-", "through", "until", "bis"} or _is_between(text, first, gap):
            days |= expand_range(first, last)
    return days


def _is_between(text: str, first: DateMention, gap: str) -> bool:
    return gap in {"and", "und"} and bool(re.search(r"\b(?:between|zwischen)\s$", text[: first.begin], re.IGNORECASE))


def _clause_windows(text: str, clause: Piece, times: list[TimeMention], days: frozenset[date]) -> list[Window]:
    spans = [span for time in times for span in _spans_of(text, time)]
    spans += [
        (min(first.minutes), max(last.minutes))
        for first, last in pairwise(times)
        if _TO.match(text[first.end : last.begin])
    ]
    spans += _parts_of_day(clause.words) if not times else []
    if not spans and not times and _ANY_TIME.search(clause.words):
        spans = [(DAY_OPENS, DAY_CLOSES)]
    return [Window(opens, closes, days) for opens, closes in spans]


def _parts_of_day(words: str) -> list[tuple[int, int]]:
    around_lunch = [span for phrase, span in _AROUND_LUNCH.items() if phrase in words.lower()]
    return around_lunch or [_PARTS[part.lower()] for part in _PART.findall(words)]


def _spans_of(text: str, time: TimeMention) -> list[tuple[int, int]]:
    if time.until:
        ends = {opens: min((end for end in time.until if end > opens), default=None) for opens in time.minutes}
        return [(opens, closes) for opens, closes in ends.items() if closes is not None]
    lead_in = text[max(0, time.begin - 24) : time.begin] + _led_by(time.words)
    if _AFTER.search(lead_in.rstrip()) or _ONWARDS.match(text[time.end :]):
        return [(opens, DAY_CLOSES) for opens in _daytime(time.minutes)]
    if _BEFORE.search(lead_in.rstrip()):
        return [(DAY_OPENS, closes) for closes in _daytime(time.minutes)]
    return []


def _led_by(words: str) -> str:
    """`before` of `before three`: a time may have been read together with the word before it."""
    first, _, rest = words.partition(" ")
    return first if rest and not first[0].isdigit() else ""


def _daytime(minutes: frozenset[int]) -> list[int]:
    """The reading between 07:00 and 19:00, where there are two: nobody means 3 at night."""
    return [minute for minute in minutes if 420 <= minute < 1140] or list(minutes)
