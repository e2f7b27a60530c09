"""Turns the parts of a written time into minutes since midnight. Knows arithmetic of the clock, no text around it."""

from __future__ import annotations

from messaging.guardrails.lexicon import NUMBERS
from messaging.guardrails.zone_labels import ZONE_WORDS

Reading = frozenset[int]

NOON_MINUTES = 720

#: An hour in digits or in words. Longest words first, so that `eins` is not read as `ein`.
HOUR = r"\d{1,2}|" + "|".join(sorted(NUMBERS, key=len, reverse=True))

_AFTER_WORDS = (
    "on|or|and|in the|this|tomorrow|today|tonight|next|sharp|works?|would|will|is|suits?|if|then|instead|with|your"
    "|my|our|"
    "local|please|too|also|but|to|until|till|o'clock|am|oder|und|passt|geht|ginge|bei|bis|uhr|on(?:wards?)|onwards?|"
    "mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?|for (?:a"
    "|the|our|us|you|me|30|15|45|20|an)|" + ZONE_WORDS
)
_COUNTED = (
    r"(?:\s*(?:or|and|to|-|oder|und)\s*\d+\s+(?:people|users|seats|locations|sites|stores|days|weeks|months"
    r"|minutes|hours|%))"
)
#: What may follow a bare hour for it to be one: `at 3 tomorrow` is a time, `at 3 locations` is not.
BARE_AFTER = rf"(?:-?ish)?\b(?!{_COUNTED})(?=\s*(?:$|\n|[.!?;)\"'](?!\d)|,(?!\d)|-\s|(?:{_AFTER_WORDS})\b))"


def with_meridiem(hour: str, minute: str | None, half: str) -> Reading | None:
    """`3`, `30`, `p` is 15:30. None if there is no such hour on a twelve-hour clock."""
    value = _number(hour)
    if not 1 <= value <= 12:
        return digital(hour, minute or "00", certain=True) if value > 12 and half.lower() == "p" else None
    return frozenset({value % 12 * 60 + int(minute or 0) + (NOON_MINUTES if half.lower() == "p" else 0)})


def shared_meridiem(hour: str, minute: str | None, half: str, until: Reading | None) -> Reading | None:
    """The first of `2-4pm` or `2, 3 or 4pm`: that half of the day, the other one where it would end before it began."""
    if not 1 <= _number(hour) <= 12:
        return None
    begin = min(with_meridiem(hour, minute, half) or {0})
    other = (begin + NOON_MINUTES) % (2 * NOON_MINUTES)
    if until is None:
        return frozenset({begin, other})
    return frozenset({begin if begin < min(until) else other})


def digital(hour: str, minute: str, *, certain: bool = False) -> Reading | None:
    """`15:00` is itself; `3:00` may be either half of the day, unless `certain` or written `03:00`."""
    value = int(hour)
    if value > 23 or int(minute) > 59:
        return None
    minutes = value * 60 + int(minute)
    if certain or hour.startswith("0") or not 1 <= value <= 12:
        return frozenset({minutes})
    return both_halves(minutes)


def bare_hour(hour: str) -> Reading | None:
    """`3` of `at 3`."""
    value = _number(hour)
    return digital(str(value), "00") if 1 <= value <= 23 else None


def spoken(part: str, direction: str, hour: str) -> Reading | None:
    """`half past two`, `quarter to three`, and the German `halb drei`, which is half past two."""
    value = _number(hour)
    if not 1 <= value <= 12:
        return None
    past = _PARTS[part.lower().replace(" ", "-")]
    minutes = value * 60 + past if direction == "past" else value * 60 - past
    return both_halves(minutes)


def both_halves(minutes: int) -> Reading:
    """That clock face before and after noon."""
    return frozenset({minutes % NOON_MINUTES, minutes % NOON_MINUTES + NOON_MINUTES})


#: Minutes after the hour, or before it.
_PARTS = {
    "half": 30, "halb": -30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20, "twenty-five": 25,
    "5": 5, "10": 10, "20": 20, "25": 25,
}  # fmt: skip


def _number(hour: str) -> int:
    return int(hour) if hour.isdigit() else NUMBERS[hour.lower()]
