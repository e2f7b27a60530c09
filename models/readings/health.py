"""Reads how queues and runs stand, for maintenance: what is due and how old, what runs and how long.

Cheap enough for every window: it leaps from client to client and meets attempts through the running jobs alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.database import query, run

#: A due job that nobody has claimed for so long, in s, is stale (issue 3: 30 min).
STALE_DUE_S = 1_800.0
#: An attempt that has been running for so long, in s, is stale (issue 3: 15 min).
STALE_RUN_S = 900.0
#: Due jobs are counted up to this number: beyond it "many" is all that matters.
COUNTED_MAX = 100_000


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """Due and unclaimed jobs (waiting and released together), and the oldest; ages in seconds since due."""

    due_now: int
    oldest_job_id: UUID | None
    oldest_actor: str | None
    oldest_age_s: float | None

    @property
    def stale(self) -> bool:
        """Whether the oldest has been due for too long."""
        return self.oldest_age_s is not None and self.oldest_age_s > STALE_DUE_S


@dataclass(frozen=True, slots=True)
class RunHealth:
    """Running attempts, those that run for too long, and the oldest; age in seconds since its claim."""

    running: int
    stale: int
    oldest_job_id: UUID | None
    oldest_actor: str | None
    oldest_age_s: float | None


@dataclass(frozen=True, slots=True)
class AttemptCounts:
    """What became of the attempts begun in a period; `processed` is the sum of the others."""

    processed: int
    succeeded: int
    failed: int
    retried: int
    skipped: int


def queue_health() -> QueueHealth:
    """The due jobs at this moment. Raises psycopg2.Error."""
    pending, queued, job_id, actor, age_s = run("queue_health", (COUNTED_MAX,))[0]
    return QueueHealth(pending + queued, job_id, actor, age_s)


def run_health() -> RunHealth:
    """The running attempts at this moment. Raises psycopg2.Error."""
    running, stale, job_id, actor, age_s = run("run_health", (STALE_RUN_S,))[0]
    return RunHealth(running, stale, job_id, actor, age_s)


def attempts_between(start: datetime, end: datetime) -> AttemptCounts:
    """Attempts claimed from `start` on and before `end`, by what has become of them so far."""
    return AttemptCounts(*run("attempts_between", (start, end))[0])


def due_jobs() -> int:
    """Pending jobs that are due now, counted up to `COUNTED_MAX`."""
    pending: int = run("queue_health", (COUNTED_MAX,))[0][0]
    return pending


def attempt_partitions() -> list[str]:
    """Names of the attempts' partitions, oldest first; the default one is not among them."""
    rows = query(
        "SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid"
        " WHERE pg_inherits.inhparent = to_regclass('background_function_run')"
        " AND child.relname <> 'background_function_run_default' ORDER BY child.relname"
    )
    return [row[0] for row in rows]
