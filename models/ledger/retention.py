"""Retention: what is finished and old goes, in batches; effects, lead messages and open letters stay.

It must not know Redis. Every statement takes only rows that nobody holds, so it may run beside everything else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from models.database import atomic, query, run
from models.ledger.maintenance import BATCH, drop_partition
from models.readings.health import attempt_partitions
from models.readings.paging import database_now
from policy.partitions import expired_partitions

#: The trigger on the operators' log refuses to part with anything younger, in days.
ACTIONS_DAYS_LEAST = 30


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of rows: how a batch of them is pruned, and how many there are to prune."""

    name: str
    prune: Callable[[int], int]
    count: Callable[[int], int]


_JOBS = (
    "FROM background_job AS job WHERE job.finished_at < now() - make_interval(days => %s)"
    " AND (NOT job.holds_key OR job.key_expires_at <= now())"
    " AND NOT EXISTS (SELECT FROM dead_letter AS letter WHERE letter.job_id = job.id AND letter.resolution = 'OPEN')"
    " AND NOT EXISTS (SELECT FROM side_effect AS effect WHERE effect.job_id = job.id"
    "   AND effect.state IN ('INTENDED', 'UNKNOWN'))"
)
_LETTERS = "FROM dead_letter WHERE resolution <> 'OPEN' AND resolved_at < now() - make_interval(days => %s)"
_WINDOWS = "FROM background_dispatch_window WHERE window_start < now() - make_interval(days => %s)"
_WORKERS = (
    "FROM worker WHERE coalesce(stopped_at, lost_at) < now() - make_interval(days => %s)"
    " AND NOT EXISTS (SELECT FROM background_job AS job WHERE job.state = 'running' AND job.worker_id = worker.id)"
)
_ACTIONS = f"FROM operator_action WHERE at < now() - make_interval(days => greatest(%s, {ACTIONS_DAYS_LEAST}))"
_STRAYS = (
    "FROM background_function_run_default WHERE claimed_at < now() - make_interval(days => %s) AND status <> 'RUNNING'"
)


def prune_jobs(days: int) -> int:
    """Delete a batch of finished jobs with their attempts; gives how many jobs went."""
    return len(run("prune_jobs", (days, BATCH)))


def prune_actions(days: int) -> int:
    """Delete a batch of the operators' log, which has to be told that this is pruning."""
    with atomic():
        query("SET LOCAL callboard.pruning = 'on'")
        return _deleted("operator_action", "id", _ACTIONS, days)


def drop_old_partitions(days: int) -> list[str]:
    """Drop the attempts' months that ended before retention; gives those dropped."""
    expired = expired_partitions(attempt_partitions(), database_now(), days)
    return [name for name in expired if drop_partition(name)]


PARTS: tuple[Part, ...] = (
    Part("jobs", prune_jobs, lambda days: _counted(_JOBS, days)),
    Part(
        "attempts_of_no_month",
        lambda days: _deleted("background_function_run_default", "ctid", _STRAYS, days),
        lambda days: _counted(_STRAYS, days),
    ),
    Part(
        "dead_letters",
        lambda days: _deleted("dead_letter", "id", _LETTERS, days),
        lambda days: _counted(_LETTERS, days),
    ),
    Part(
        "windows",
        lambda days: _deleted("background_dispatch_window", "dispatch_key", _WINDOWS, days),
        lambda days: _counted(_WINDOWS, days),
    ),
    Part("workers", lambda days: _deleted("worker", "id", _WORKERS, days), lambda days: _counted(_WORKERS, days)),
    Part("operator_actions", prune_actions, lambda days: _counted(_ACTIONS, days)),
)


def prune(days: int, *, seconds_max: float | None = None) -> dict[str, int]:
    """Prune batch after batch until nothing is left or the time is up; gives how many rows went, by kind.

    Raises psycopg2.Error; the batches before it stay pruned.
    """
    deadline_s = None if seconds_max is None else time.monotonic() + seconds_max
    gone = {part.name: 0 for part in PARTS}
    for part in PARTS:
        while deadline_s is None or time.monotonic() < deadline_s:
            pruned = part.prune(days)
            gone[part.name] += pruned
            if pruned < BATCH:
                break
    gone["partitions"] = len(drop_old_partitions(days))
    return gone


def prunable(days: int) -> dict[str, int]:
    """How many rows `prune` would take now, by kind. Reads only."""
    counts = {part.name: part.count(days) for part in PARTS}
    counts["partitions"] = len(expired_partitions(attempt_partitions(), database_now(), days))
    return counts


def _deleted(table: str, key: str, condition: str, days: int) -> int:
    """Delete a batch by key; the texts are this module's own."""
    rows = query(
        f"DELETE FROM {table} WHERE {key} IN (SELECT {key} {condition} LIMIT {BATCH} FOR UPDATE SKIP LOCKED)"
        " RETURNING 1",
        (days,),
    )
    return len(rows)


def _counted(condition: str, days: int) -> int:
    count: int = query(f"SELECT count(*) {condition}", (days,))[0][0]
    return count
