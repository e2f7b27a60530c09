"""Dispatch windows: opened once by their key, tried again, closed with an outcome. It must not know Redis or actors.

Every statement holds the statuses it may move in its WHERE; what several ticks want at once, one of them gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.database import atomic, run
from models.ledger.dispatch import Inserted, Wanted, dispatch_jobs
from models.ledger.release import Released, take_back
from policy.states import WindowStatus
from policy.ticks import DISPATCHING_PATIENCE_S, UNSTARTED_WINDOWS
from policy.windows import Window

#: Windows repaired in one go; the next tick goes on.
_AT_ONCE = 100
#: Enqueued windows older than this, in s, are not looked at for a start any more: it would tell nothing new.
_LOOK_BACK_S = 86_400.0

_OPEN = (WindowStatus.DISPATCHING, WindowStatus.ENQUEUE_FAILED)


@dataclass(frozen=True, slots=True)
class Opened:
    """This call made the window's row and its two jobs. `owed` are born released: their copies go to Redis now."""

    missed_before: int
    owed: tuple[Released, ...]


@dataclass(frozen=True, slots=True)
class OwedWindow:
    """A window that is owed something, with its two jobs' dispatch keys."""

    dispatch_key: str
    job_keys: tuple[str, str]


def open_window(
    window: Window,
    correlation_id: str,
    requested_at: datetime,
    jobs: Sequence[Wanted],
    *,
    dedupe_s: int,
    hold_back: bool = False,
) -> Opened | None:
    """Insert the window (DISPATCHING) and its jobs in one transaction; None when it has a row already.

    `hold_back` leaves the jobs pending. A tick that is inserting the same window is waited for, up to the lock
    time-out. Raises psycopg2.Error and DispatchContended: nothing was written then.
    """
    with atomic():
        rows = run(
            "open_window",
            (
                window.dispatch_key,
                window.source,
                window.start,
                window.seconds,
                correlation_id,
                window.process_dispatch_id,
                window.maintenance_dispatch_id,
                requested_at,
            ),
        )
        if not rows:
            return None
        answers = dispatch_jobs(jobs, dedupe_s=dedupe_s, hold_back=hold_back)
    owed = [
        Released(job.id, 1, job.queue, job.payload)
        for job, answer in zip(jobs, answers, strict=True)
        if isinstance(answer, Inserted) and answer.released
    ]
    return Opened(rows[0][0], tuple(owed))


def retake_windows(dispatch_key: str | None = None) -> list[OwedWindow]:
    """Take this window, or all that deserve it, for another try: ENQUEUE_FAILED, or DISPATCHING for too long."""
    rows = run("retake_windows", (dispatch_key, DISPATCHING_PATIENCE_S, _AT_ONCE))
    return [OwedWindow(row[0], (row[1], row[2])) for row in rows]


def release_by_key(job_keys: Sequence[str]) -> list[Released]:
    """Release the due jobs that hold these keys anew: a copy that is somewhere on its way is stale from now on."""
    return [Released(row[0], row[1], row[2], bytes(row[3])) for row in run("release_by_key", (list(job_keys),))]


def close_enqueued(keys: Sequence[str]) -> frozenset[str]:
    """The jobs' copies are in Redis: ENQUEUED. Gives the windows that moved."""
    return _close(keys, WindowStatus.ENQUEUED, None, _OPEN)


def close_failed(keys: Sequence[str], error: str, releases: Sequence[tuple[UUID, int]]) -> frozenset[str]:
    """Redis did not take the copies: the jobs are pending again, the windows ENQUEUE_FAILED, in one transaction."""
    with atomic():
        take_back(releases)
        return _close(keys, WindowStatus.ENQUEUE_FAILED, error, (WindowStatus.DISPATCHING,))


def close_inline(job_key: str, error: str | None, unstarted: Sequence[str] = ()) -> frozenset[str]:
    """The window of this job runs in the tick itself: INLINE_EMERGENCY. Gives the window that moved, if it did.

    `unstarted` names windows that were enqueued and may move all the same, because no worker has begun them.
    """
    return frozenset(row[0] for row in run("close_inline", (job_key, error, list(unstarted))))


def settle_windows() -> list[str]:
    """ENQUEUED for the windows that failed or were cut off, and whose jobs others have released since; gives them."""
    return [row[0] for row in run("settle_windows", (DISPATCHING_PATIENCE_S, _AT_ONCE))]


def unstarted_windows() -> list[OwedWindow]:
    """Enqueued windows whose jobs nobody has begun two windows later, oldest first; of the last day."""
    rows = run("unstarted_windows", (UNSTARTED_WINDOWS, _LOOK_BACK_S, _AT_ONCE))
    return [OwedWindow(row[0], (row[1], row[2])) for row in rows]


def _close(
    keys: Sequence[str], status: WindowStatus, error: str | None, former: Sequence[WindowStatus]
) -> frozenset[str]:
    rows = run("close_windows", (list(keys), status.value, error, [one.value for one in former]))
    return frozenset(row[0] for row in rows)
