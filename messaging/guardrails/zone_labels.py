"""Reads a time zone's label beside a time and converts clock readings between zones. Knows zones, not sentences."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from messaging.guardrails.lexicon import ZONES
from messaging.patterns import regex

_NAMES = "|".join(sorted(map(re.escape, ZONES), key=len, reverse=True))
#: For a pattern that is case-insensitive elsewhere: abbreviations keep their case, `ist` is a German verb.
ZONE_WORDS = rf"(?-i:{_NAMES})"
_OFFSET = r"(?:UTC|GMT)\s?[+-]\s?\d{1,2}(?::?\d{2})?"
ZONE_LABEL = regex(rf"\s*\(?(?P<zone>{_OFFSET}|(?:{_NAMES})\b|(?<=\d)Z\b)")
_ALL_TIMES = regex(
    rf"\b(?i:(?:all times?|times?(?: (?:are|is|shown|given|listed|all))* in)(?: (?:are|is|shown|given|listed|in|the))*)"
    rf" (?P<zone>{_OFFSET}|(?:{_NAMES})\b)"
)

_DAY_MINUTES = 1440


def zone_of_all_times(text: str) -> str:
    """The label of `(all times in CET)`, or empty."""
    found = _ALL_TIMES.search(text)
    return found["zone"] if found else ""


def zone_named(label: str) -> tzinfo | None:
    """The zone that `label` means; None if it is not known here, or the machine has no zone data for it."""
    offset = re.fullmatch(r"(?:UTC|GMT)\s?([+-])\s?(\d{1,2})(?::?(\d{2}))?", label)
    if offset:
        shift = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(shift if offset[1] == "+" else -shift) if shift < timedelta(hours=24) else None
    try:
        return timezone.utc if label in {"Z", "UTC", "GMT"} else ZoneInfo(ZONES[label])
    except (KeyError, ZoneInfoNotFoundError):
        return None


def converted(minutes: frozenset[int], label: str, zone: tzinfo, at: datetime) -> frozenset[int]:
    """Clock readings said to be in `label`, as the clock of `zone` shows them around `at` (aware)."""
    said = zone_named(label) if label else None
    if said is None:
        return minutes
    here, there = at.astimezone(zone).utcoffset(), at.astimezone(said).utcoffset()
    if here is None or there is None:
        return minutes
    shift = round((here - there).total_seconds() / 60)
    return frozenset((minute + shift) % _DAY_MINUTES for minute in minutes)
