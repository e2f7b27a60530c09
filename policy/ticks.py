"""What a tick makes of the window it finds: whether it was dispatched, is being dispatched, or deserves another try.

Knows nothing of rows or clocks: status and age are arguments.
"""

from __future__ import annotations

from enum import Enum

from typing_extensions import assert_never

from policy.states import WindowStatus

#: The two functions that every window runs, by their actors' names.
PROCESS_FUNCTION = "process_background_jobs"
MAINTENANCE_FUNCTION = "background_maintenance"

#: Seconds for which a window may stand as DISPATCHING before its tick is taken for dead (issue 3: 15 s). A tick that
#: lives takes two commits and at most `ENQUEUE_LIMIT_S` in between.
DISPATCHING_PATIENCE_S = 15.0

#: Seconds that Redis may take to accept the two jobs of a window.
ENQUEUE_LIMIT_S = 2.0

#: An enqueued window that nobody has begun after so many of its own lengths is reported: no worker lives.
UNSTARTED_WINDOWS = 2


class FoundWindow(Enum):
    """What is to be done about a window that has a row."""

    SUPPRESS = "suppress"
    TRY_AGAIN = "try again"


def judge_window(status: WindowStatus, age_s: float) -> FoundWindow:
    """What a tick does about a window that somebody else has opened; `age_s` since its row last changed."""
    if status is WindowStatus.ENQUEUED or status is WindowStatus.INLINE_EMERGENCY:
        return FoundWindow.SUPPRESS
    if status is WindowStatus.ENQUEUE_FAILED:
        return FoundWindow.TRY_AGAIN
    if status is WindowStatus.DISPATCHING:
        return FoundWindow.TRY_AGAIN if age_s > DISPATCHING_PATIENCE_S else FoundWindow.SUPPRESS
    assert_never(status)
