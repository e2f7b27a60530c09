"""Dispatch windows: clock-aligned periods in UTC, each with one key that every scheduler computes alike.

Knows nothing of rows: which of several schedulers wins a window is decided by the key's unique index.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from policy.keys import background_ids

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

#: Range of a window's length in seconds (CONTRACT, `CALLBOARD_DISPATCH_WINDOW_SECONDS`).
SHORTEST_S, LONGEST_S = 15, 3_600

#: Missing windows reported at most, newest kept: a day of windows of one minute.
MOST_MISSING = 1_440

_KEY = re.compile(
    r"background-jobs:v1:(?P<seconds>[1-9][0-9]{0,5})"
    r":(?P<start>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.000)Z"
)


@dataclass(frozen=True, slots=True)
class Window:
    """One period and the names that follow from it. `start` is aware UTC; `source` says who asked."""

    dispatch_key: str
    source: str
    start: datetime
    seconds: int
    process_dispatch_id: str
    maintenance_dispatch_id: str

    @property
    def end(self) -> datetime:
        """The first moment after the window. OverflowError for a window that ends with the year 9999."""
        return self.start + timedelta(seconds=self.seconds)


def clamp_seconds(seconds: int) -> int:
    """The nearest length a window may have."""
    return min(max(seconds, SHORTEST_S), LONGEST_S)


def window_at(now: datetime, seconds: int, source: str = "scheduler") -> Window:
    """The window that `now` (aware; any zone) falls in. A moment on the boundary opens the new one.

    Windows are aligned to 1970-01-01T00:00:00Z; UTC knows no summer time, and POSIX time no leap seconds.
    """
    if now.tzinfo is None or now.utcoffset() is None:
        raise ValueError("now must be an aware datetime")
    if seconds < 1:
        raise ValueError(f"a window lasts at least one second, not {seconds}")
    length = timedelta(seconds=seconds)
    return _window(EPOCH + (now - EPOCH) // length * length, seconds, source)


def next_window(window: Window) -> Window:
    """The window that follows. OverflowError past the year 9999."""
    return _window(window.end, window.seconds, window.source)


def windows_between(
    last_start: datetime, now: datetime, seconds: int, source: str = "scheduler", at_most: int = MOST_MISSING
) -> list[Window]:
    """The windows after the one that began at `last_start` and before the current one, oldest first.

    They are those that nobody dispatched. Of more than `at_most` the newest are kept.
    """
    length = timedelta(seconds=seconds)
    current = window_at(now, seconds, source).start
    first = window_at(last_start, seconds, source).start + length
    missing = max((current - first) // length, 0)
    kept = min(missing, at_most)
    return [_window(current - length * back, seconds, source) for back in range(kept, 0, -1)]


def parse_key(text: str, source: str = "scheduler") -> Window:
    """The window that a dispatch key names. ValueError if no scheduler could have made that key."""
    match = _KEY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a window's dispatch key: {text!r}")
    start = datetime.fromisoformat(match["start"]).replace(tzinfo=timezone.utc)
    window = window_at(start, int(match["seconds"]), source)
    if window.dispatch_key != text:
        raise ValueError(f"not aligned to its length: {text!r}")
    return window


def _window(start: datetime, seconds: int, source: str) -> Window:
    moment = start.replace(tzinfo=None).isoformat(timespec="milliseconds")
    key = f"background-jobs:v1:{seconds}:{moment}Z"
    ids = background_ids(key)
    return Window(key, source, start, seconds, ids.process, ids.maintenance)
