"""Worker rows: registering, beating, losing, and what becomes of a lost worker's jobs. It must not know threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.crash_points import crash_point
from models.database import query, run
from models.ledger.claim import Holder


@dataclass(frozen=True, slots=True)
class LostWorker:
    """A worker just declared lost; `silent_s` since its last beat."""

    id: UUID
    host: str
    pid: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class RecoveredJob:
    """A lost worker's job, pending again (or dead as poison), and the attempt that was lost with it."""

    job_id: UUID
    actor: str
    queue: str
    state: str
    client_id: str | None
    correlation_id: str
    attempt: int
    dispatch_key: str
    source: str | None
    requested_at: datetime
    began_at: datetime | None
    lost_at: datetime | None
    last_error: str


def register(holder: Holder, queues: Sequence[str], threads: int) -> None:
    """Insert the worker's row; repeating it is harmless."""
    query(
        "INSERT INTO worker (id, host, pid, code_version, queues, threads) VALUES (%s, %s, %s, %s, %s::text[], %s)"
        " ON CONFLICT (id) DO NOTHING",
        (holder.id, holder.host, holder.pid, holder.code_version, list(queues), threads),
    )


def beat(worker_id: UUID) -> bool:
    """Say that this worker lives. False: it was declared lost (or stopped) and must not claim or start anything."""
    return bool(run("beat", (worker_id,)))


def stop(worker_id: UUID) -> None:
    """Say that this worker ended in good order."""
    query(
        "UPDATE worker SET stopped_at = clock_timestamp() WHERE id = %s AND lost_at IS NULL AND stopped_at IS NULL",
        (worker_id,),
    )


def beats() -> dict[UUID, datetime]:
    """The last beat of every worker that has neither stopped nor been lost, as the database's clock stamped it."""
    rows = query("SELECT id, heartbeat_at FROM worker WHERE lost_at IS NULL AND stopped_at IS NULL")
    return {row[0]: row[1] for row in rows}


def declare_lost(silent: Mapping[UUID, datetime]) -> list[LostWorker]:
    """Mark these workers lost, unless they have beaten since the beat that was seen of them."""
    if not silent:
        return []
    return [LostWorker(*row) for row in run("declare_lost", (list(silent), list(silent.values())))]


def lost_workers_with_jobs() -> list[tuple[UUID, str, float]]:
    """Lost workers that still hold jobs: id, host, seconds since the loss was declared.

    And stopped ones: a claim whose connection broke may commit after its worker has ended with nothing in hand.
    """
    rows = query(
        "SELECT worker.id, worker.host,"
        " extract(epoch FROM clock_timestamp() - coalesce(worker.lost_at, worker.stopped_at))::float8 FROM worker"
        " WHERE (worker.lost_at IS NOT NULL OR worker.stopped_at IS NOT NULL) AND EXISTS"
        " (SELECT FROM background_job AS job WHERE job.state = 'running' AND job.worker_id = worker.id)"
    )
    return [(row[0], row[1], row[2]) for row in rows]


def silent_s(worker_id: UUID) -> float:
    """Seconds since this worker's last beat, by the database's clock."""
    rows = query(
        "SELECT extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 FROM worker WHERE id = %s", (worker_id,)
    )
    return float(rows[0][0]) if rows else 0.0


def recover_jobs(
    worker_id: UUID, *, crashed: Sequence[UUID], suspects: Sequence[UUID], max_crashes: int, limit: int = 500
) -> list[RecoveredJob]:
    """Give a lost worker's jobs back, at most `limit`; call it until it gives none.

    `crashed` are counted against their crash budget, `suspects` run alone next time.
    """
    crash_point("recover.before_commit")
    rows = run("recover_lost_jobs", (list(crashed), list(suspects), [worker_id], limit, max_crashes))
    crash_point("recover.after_commit")
    return [RecoveredJob(*row) for row in rows]


def poisoned_in_error(job_ids: Sequence[UUID], max_crashes: int) -> list[UUID]:
    """Open poison letters of those jobs whose crashes, as they are counted now, did not reach the limit."""
    rows = query(
        "SELECT letter.id FROM dead_letter AS letter JOIN background_job AS job ON job.id = letter.job_id"
        " WHERE job.id = ANY (%s) AND letter.resolution = 'OPEN' AND letter.reason = 'poison' AND job.crashes < %s",
        (list(job_ids), max_crashes),
    )
    return [row[0] for row in rows]


def running_under(worker_id: UUID) -> list[tuple[UUID, int, UUID]]:
    """Jobs that the ledger thinks this worker is running: job, fence, and the id of the claim that took it."""
    rows = query(
        "SELECT id, fence, claim_id FROM background_job WHERE state = 'running' AND worker_id = %s", (worker_id,)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def give_back_strays(worker_id: UUID, strays: Sequence[tuple[UUID, int]]) -> list[tuple[str, str]]:
    """Give back claims (job, fence) that stand under this worker although it does not have them in hand.

    Gives actor and queue of each that moved.
    """
    rows = run("give_back_jobs", (worker_id, [job_id for job_id, _ in strays], [fence for _, fence in strays], 0.0))
    return [(row[1], row[2]) for row in rows]


def first_claimed_s(job_id: UUID) -> float:
    """Seconds since this job was first claimed after its last loss: so long has a suspect waited to be alone."""
    rows = query(
        "WITH tried AS (SELECT run.attempt, run.status, run.claimed_at FROM background_job AS job"
        " CROSS JOIN LATERAL generate_series(1, job.attempts) AS number JOIN background_function_run AS run"
        " ON run.run_key = job.actor || ':' || job.id || ':' || number WHERE job.id = %s)"
        " SELECT extract(epoch FROM clock_timestamp() - min(claimed_at))::float8 FROM tried"
        " WHERE attempt > (SELECT coalesce(max(attempt), 0) FROM tried WHERE status = 'LOST')",
        (job_id,),
    )
    return float(rows[0][0] or 0.0)


def held_by(worker_id: UUID) -> list[tuple[UUID, int, bool, bool]]:
    """What a lost worker held: job, fence, whether it was a suspect, whether its start had been committed."""
    rows = query(
        "SELECT job.id, job.fence, job.suspect, run.started_at IS NOT NULL FROM background_job AS job"
        " JOIN background_function_run AS run"
        " ON run.run_key = job.actor || ':' || job.id || ':' || job.attempts AND run.status = 'RUNNING'"
        " WHERE job.state = 'running' AND job.worker_id = %s",
        (worker_id,),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
