"""The dispatch windows of the demo's time, counted from rows: what the scheduler beside the workers made of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from models.readings.paging import Span, database_now
from models.readings.windows import WindowFilter, WindowRow, list_windows
from policy.states import WindowStatus
from policy.windows import MOST_MISSING, window_at, windows_between

#: A mailbox of one mail may be done before the scheduler has started: it is waited for so many seconds, and no longer.
_FIRST_TICK_S = 5.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """Windows by how they stand; `missed` passed during the demo without a row, `dispatching` are not settled yet.

    Counted are those that were open at some time of the demo, whoever had them dispatched: a second demo within one
    window finds it enqueued by the first.
    """

    enqueued: int
    failed: int
    inline: int
    dispatching: int
    missed: int


def count_windows(began_at: datetime, window_s: int) -> WindowCounts:
    """Count the windows from `began_at` (aware, the database's clock) until now. Raises psycopg2.Error."""
    return counted(_windows(began_at, window_s), began_at, database_now(), window_s)


def await_first_tick(began_at: datetime, window_s: int) -> None:
    """Wait until a window of the demo's time has a row, or the patience ends. Raises psycopg2.Error."""
    deadline_s = time.monotonic() + _FIRST_TICK_S
    while not _windows(began_at, window_s) and time.monotonic() < deadline_s:
        time.sleep(_LOOK_EVERY_S)


def counted(rows: Sequence[WindowRow], began_at: datetime, now: datetime, window_s: int) -> WindowCounts:
    """Count these rows. The window that was open at the beginning may have passed before anybody could tick."""
    statuses = Counter(row.status for row in rows)
    known = {row.dispatch_key for row in rows}
    passed = windows_between(began_at, now, window_s)
    return WindowCounts(
        enqueued=statuses[WindowStatus.ENQUEUED.value],
        failed=statuses[WindowStatus.ENQUEUE_FAILED.value],
        inline=statuses[WindowStatus.INLINE_EMERGENCY.value],
        dispatching=statuses[WindowStatus.DISPATCHING.value],
        missed=sum(window.dispatch_key not in known for window in passed),
    )


def windows_line(counts: WindowCounts, window_s: int) -> str:
    """`windows  1 enqueued, 0 failed, 0 inline, 0 missed (of 60 s each)`; `dispatching` only where there are any."""
    shown = {name: count for name, count in asdict(counts).items() if count or name != "dispatching"}
    words = ", ".join(f"{count} {name}" for name, count in shown.items())
    return f"windows   {words} (of {window_s} s each)"


def _windows(began_at: datetime, window_s: int) -> list[WindowRow]:
    since = window_at(began_at, window_s).start
    return list_windows(WindowFilter(), Span(limit=MOST_MISSING, since=since)).rows
