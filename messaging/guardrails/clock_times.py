"""Reads the times of day that a text names: `3pm`, `15:00`, `half past two`, `10-11am`, `noon`, `um 15 Uhr`.

A time is a set of readings, for `at 3` may be 03:00 or 15:00; two times agree if they share a reading.
Numbers that only look like times (money, versions, phone numbers, durations, counts) are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from messaging.guardrails.clock_readings import (
    BARE_AFTER,
    HOUR,
    Reading,
    bare_hour,
    both_halves,
    digital,
    shared_meridiem,
    spoken,
    with_meridiem,
)
from messaging.guardrails.lexicon import MINUTE_WORDS, NOON, NUMBERS
from messaging.guardrails.plain_text import without_numeric_noise
from messaging.guardrails.zone_labels import ZONE_LABEL
from messaging.patterns import regex


@dataclass(frozen=True, slots=True)
class TimeMention:
    """One time, or with `until` a range of times. Readings are minutes since midnight, as written.

    `zone` is what the text says of its zone (`PST`), empty if nothing.
    """

    begin: int
    end: int
    words: str
    minutes: Reading
    until: Reading | None = None
    zone: str = ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    regex: re.Pattern[str]
    read: Callable[[re.Match[str]], tuple[Reading, Reading | None] | None]


#: Not within a longer number, an amount, a version or a range already read.
_ALONE = r"(?<![\w$\u20ac\u00a3#.:-])(?<!\d[,/])"
_H = r"(\d{1,2})(?:[:.h]?([0-5]\d))?"
_TO = r" *(?:-|to|until|till|til|through|thru|bis|\u00e0) *"
#: `and` makes a range only of `between 2 and 4pm`; elsewhere it lists two times.
_AND = r" *(?:and|-|to|und|et|y|a|\u00e0|bis) *"
_BETWEEN = r"\b(?:between|zwischen|entre) +"
_MERIDIEM = r" *([ap])\.?m\b"
_PART = r"\s+(?:(?:o'clock|sharp)\s+)?(?:in the|this|on \w+day|tomorrow|at)\s+(morning|afternoon|evening|night)\b"
_MINUTES = "|".join(MINUTE_WORDS)
#: Stands in for the letters of a date, once dates are read.
DATE_MARK = "\u00a4"
_NOT_COUNTED = (
    r"(?![ -]?(?:min|sec|hour|day|week|month|year|people|percent|user|seat|point|thousand|hundred"
    r"|million)\w*)"
)


def _range_with_meridiem(found: re.Match[str]) -> tuple[Reading, Reading | None] | None:
    h1, m1, half1, h2, m2, half2 = found.groups()
    until = with_meridiem(h2, m2, half2)
    begin = with_meridiem(h1, m1, half1) if half1 else shared_meridiem(h1, m1, half2, until)
    return (begin, until) if begin and until else None


def _range_digital(found: re.Match[str]) -> tuple[Reading, Reading | None] | None:
    begin, until = digital(found[1], found[2]), digital(found[3], found[4])
    return (begin, until) if begin and until else None


def _range_bare(found: re.Match[str]) -> tuple[Reading, Reading | None] | None:
    begin, until = bare_hour(found[1]), bare_hour(found[2])
    return (begin, until) if begin and until else None


def _one(reading: Reading | None) -> tuple[Reading, None] | None:
    return (reading, None) if reading else None


def _compiled(pattern: str, read: Callable[[re.Match[str]], tuple[Reading, Reading | None] | None]) -> _Pattern:
    return _Pattern(regex(pattern, re.IGNORECASE), read)


#: Tried in this order; what one has read, the later ones leave alone.
_PATTERNS = (
    _compiled(_BETWEEN + _H + r"(?:" + _MERIDIEM + r")?" + _AND + _H + _MERIDIEM, _range_with_meridiem),
    _compiled(_BETWEEN + r"(\d{1,2})[:h]([0-5]\d)" + _AND + r"(\d{1,2})[:h]([0-5]\d)(?![\d:])", _range_digital),
    _compiled(_ALONE + _H + r"(?:" + _MERIDIEM + r")?" + _TO + _H + _MERIDIEM, _range_with_meridiem),
    _compiled(
        r"(?<![\d:.])(\d{1,2})[:h]([0-5]\d)(?: ?uhr| ?h)?" + _TO + r"(\d{1,2})[:h]([0-5]\d)(?![\d:])",
        _range_digital,
    ),
    _compiled(
        _ALONE + r"(\d{1,2}|" + "|".join(NUMBERS) + r")(?:[:.]([0-5]\d))?" + _MERIDIEM,
        lambda f: _one(with_meridiem(f[1], f[2], f[3])),
    ),
    _compiled(
        _ALONE + r"(\d{1,2})(?::([0-5]\d))?(?=(?:\s*(?:,|or|/|and|&|,\s*or)\s*\d{1,2}(?::\d\d)?)+\s*([ap])m\b)",
        lambda f: _one(shared_meridiem(f[1], f[2], f[3], None)),
    ),
    _compiled(
        r"(?:(?<![\w:.$\u20ac\u00a3])|(?<=\dT))([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d)?(?![\d:]|\s*ratio)"
        r"(?:\s*(uhr|hrs?|h)\b)?",
        lambda f: _one(digital(f[1], f[2], certain=bool(f[3]))),
    ),
    _compiled(
        _ALONE + r"(\d{1,2})[.:h ]{1,2}([0-5]\d)\s?(?:uhr|hrs?|h)\b",
        lambda f: _one(digital(f[1], f[2], certain=True)),
    ),
    _compiled(_ALONE + r"(\d{1,2})\s?(?:uhr|h)\s?([0-5]\d)\b", lambda f: _one(digital(f[1], f[2], certain=True))),
    _compiled(_ALONE + r"(\d{1,2})\s?uhr\b", lambda f: _one(digital(f[1], "00"))),
    _compiled(
        r"(?:\b(?:at|vers|d\u00e8s|de|um|avant|apr\u00e8s|las)|\u00e0)\s(\d{1,2})\s?h\b",
        lambda f: _one(digital(f[1], "00")),
    ),
    _compiled(
        r"\b(?:at|@)\s*([01]\d|2[0-3])([0-5]\d)(?!\d)\s*(?:hrs|hours|h)?\b",
        lambda f: _one(digital(f[1], f[2], certain=True)),
    ),
    _compiled(
        r"\b(?:at|um|@|for)\s*(\d{1,2})\.([0-5]\d)(?![\d.]|\s*(?:per\b|each|x\b|k\b|million|stars?))",
        lambda f: _one(digital(f[1], f[2])),
    ),
    _compiled(r"\b(?:twelve |12 )?(" + "|".join(NOON) + r")\b", lambda f: _one(frozenset({NOON[f[1].lower()]}))),
    _compiled(
        r"\b(?:(half|quarter|five|ten|twenty|twenty[- ]five|5|10|20|25)(?: minutes)? past|(halb)) ("
        + HOUR
        + r")\b"
        + _NOT_COUNTED,
        lambda f: _one(spoken(f[1] or f[2], "past", f[3])),
    ),
    _compiled(
        r"\b(quarter)(?: minutes)? (to|of|before) (" + HOUR + r")\b" + _NOT_COUNTED,
        lambda f: _one(spoken(f[1], "to", f[3])),
    ),
    _compiled(
        r"\b(?:at|around|about|by|until|before) (five|ten|twenty|twenty[- ]five|5|10|20|25)(?: minutes)? to ("
        + HOUR
        + r")\b"
        + _NOT_COUNTED,
        lambda f: _one(spoken(f[1], "to", f[2])),
    ),
    _compiled(
        r"\b(?:at|around|about) half (" + HOUR + r")\b" + _NOT_COUNTED,
        lambda f: _one(spoken("half", "past", f[1])),
    ),
    _compiled(
        r"\b(" + "|".join(NUMBERS) + r")[ -](" + _MINUTES + r")\b" + _NOT_COUNTED + r"(?:" + _MERIDIEM + r")?",
        lambda f: _one(_worded(f[1], f[2], f[3])),
    ),
    _compiled(
        _ALONE + r"(" + HOUR + r")(?::([0-5]\d))?" + _PART,
        lambda f: _one(with_meridiem(f[1], f[2], _half(f[3]))),
    ),
    _compiled(_ALONE + r"(" + HOUR + r") ?o'clock", lambda f: _one(bare_hour(f[1]))),
    _compiled(DATE_MARK + r",? (?:at |from )?(" + HOUR + r") ?(?:-|to|bis) ?(" + HOUR + r")" + BARE_AFTER, _range_bare),
    _compiled(
        r"\b(?:between|from|zwischen|von|entre|de) (" + HOUR + r")" + _AND + r"(" + HOUR + r")" + BARE_AFTER,
        _range_bare,
    ),
    _compiled(
        r"\b(?:at|@|around|about|after|before|until|till|by|from|say|um|gegen|ab|nach|vor|vers|\u00e0|a las|alle|or"
        r"|make it)"
        r" ?(" + HOUR + r")" + BARE_AFTER,
        lambda f: _one(bare_hour(f[1])),
    ),
)


def find_times(text: str) -> list[TimeMention]:
    """Every time of day that normalised `text` names, in order of appearance."""
    readable = without_numeric_noise(text)
    found = sorted(_mentions(readable), key=lambda mention: mention.begin)
    return [mention for mention in found if not _is_duration_of(readable, mention)]


def _mentions(text: str) -> Iterator[TimeMention]:
    taken = [False] * (len(text) + 1)
    for pattern in _PATTERNS:
        for found in pattern.regex.finditer(text):
            reading = None if any(taken[found.start() : found.end()]) else pattern.read(found)
            if reading is None or (_joins_bare_or(found) and not any(taken[: found.start()])):
                continue
            taken[found.start() : found.end()] = [True] * (found.end() - found.start())
            label = ZONE_LABEL.match(text, found.end())
            yield TimeMention(
                found.start(), found.end(), found[0].strip(), *reading, zone=label["zone"] if label else ""
            )


def _joins_bare_or(found: re.Match[str]) -> bool:
    """`or 4` is a time only after another one: `at 3 or 4`."""
    return found[0].lower().startswith("or ")


def _is_duration_of(text: str, mention: TimeMention) -> bool:
    """`a 1:30 hour call` is a length, not a time."""
    return bool(re.match(r"\s?-?(?:hour|minute|min)s?\b", text[mention.end :], re.IGNORECASE))


def _worded(hour: str, minute: str, half: str | None) -> Reading:
    value = NUMBERS[hour.lower()] % 12 * 60 + MINUTE_WORDS[minute.lower()]
    return both_halves(value) if half is None else frozenset({value + (720 if half.lower() == "p" else 0)})


def _half(part: str) -> str:
    return "a" if part.lower() == "morning" else "p"
