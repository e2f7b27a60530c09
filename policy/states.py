"""The closed sets of words that rows may hold, and which state of a job may follow which (docs/architecture.md).

Knows nothing of how a state is stored or moved: the ledger does that, with the old state in its `WHERE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Word(str, Enum):
    """An enum whose members are, print and format as their stored value, on every Python since 3.10."""

    def __str__(self) -> str:
        return str(self.value)


class JobState(Word):
    """`background_job.state`."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


class RunStatus(Word):
    """`background_function_run.status`: how one attempt stands or was closed."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    RESCHEDULED = "RESCHEDULED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"


class WindowStatus(Word):
    """`background_dispatch_window.status`."""

    DISPATCHING = "DISPATCHING"
    ENQUEUED = "ENQUEUED"
    ENQUEUE_FAILED = "ENQUEUE_FAILED"
    INLINE_EMERGENCY = "INLINE_EMERGENCY"


class EffectState(Word):
    """`side_effect.state`: what is known of an action on the outside world."""

    INTENDED = "INTENDED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


class Resolution(Word):
    """`dead_letter.resolution`: what the operator made of it."""

    OPEN = "OPEN"
    REQUEUED = "REQUEUED"
    DISCARDED = "DISCARDED"


class DeadReason(Word):
    """`dead_letter.reason`: why a job must not run again by itself."""

    TERMINAL = "terminal"
    EXHAUSTED = "exhausted"
    POISON = "poison"
    OUTCOME_UNKNOWN = "outcome_unknown"
    EXPIRED = "expired"
    UNDECODABLE = "undecodable"
    ACTOR_NOT_FOUND = "actor_not_found"
    REFUSED_BY_LEDGER = "refused_by_ledger"


class RefusedCopy(Word):
    """Why a fetched copy was put aside without being run."""

    DUPLICATE = "duplicate"
    STALE = "stale"
    NOT_DUE = "not_due"
    CANCELLED = "cancelled"
    ORPHAN = "orphan"


#: Every move a job may make; anything else is a bug. Drawn in docs/architecture.md.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        JobState.PENDING: frozenset({JobState.QUEUED, JobState.CANCELLED}),
        JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PENDING, JobState.CANCELLED}),
        JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.PENDING, JobState.CANCELLED, JobState.DEAD}),
        JobState.DEAD: frozenset({JobState.PENDING, JobState.DISCARDED}),
        JobState.SUCCEEDED: frozenset(),
        JobState.CANCELLED: frozenset(),
        JobState.DISCARDED: frozenset(),
    }
)

#: Work is still to be done, or being done.
LIVE_STATES = frozenset({JobState.PENDING, JobState.QUEUED, JobState.RUNNING})

#: The job is over; only a dead one can be brought back, by an operator.
FINISHED_STATES = frozenset(JobState) - LIVE_STATES

#: States in which a job may hold its dispatch key; a succeeded one only until `key_expires_at`.
KEY_HOLDING_STATES = LIVE_STATES | {JobState.SUCCEEDED}


def may_move(before: JobState, after: JobState) -> bool:
    """Whether a job may go from `before` to `after` in one statement."""
    return after in TRANSITIONS[before]
