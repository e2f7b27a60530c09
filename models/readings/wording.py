"""How moments and durations are written for people: UTC to the second, and how long ago. Pure."""

from __future__ import annotations

from datetime import datetime, timezone

#: Unit and its length in s, the largest first.
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def moment(at: datetime) -> str:
    """`2026-02-17 21:52:00`, in UTC."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """A duration in the largest unit that it fills twice, rounded down: `90 s`, `3 min`, `47 h`; `0.25 s`, `12 ms`."""
    if seconds < 0.1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    unit, length_s = next((unit, length_s) for unit, length_s in _UNITS if seconds >= 2 * length_s)
    return f"{int(seconds // length_s)} {unit}"


def age(at: datetime, now: datetime) -> str:
    """How long ago, in whole units: `12 s`, `3 min`; `in 3 min` for what is to come."""
    seconds = (now - at).total_seconds()
    return f"in {_whole(-seconds)}" if seconds < 0 else _whole(seconds)


def ago(at: datetime, now: datetime) -> str:
    """`3 min ago`, or `in 3 min`."""
    told = age(at, now)
    return told if told.startswith("in ") else f"{told} ago"


def plural(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _whole(seconds: float) -> str:
    return f"{int(seconds)} s" if seconds < 120 else span(seconds)
