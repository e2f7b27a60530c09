"""Declares silent workers lost and gives their jobs back, blaming only what can have crashed them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg2
import redis

from middleware import metrics
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from middleware.started_slots import drop_started, read_started
from models.job_status import JobStatus, write_statuses
from models.ledger import workers
from models.ledger.claim import Claimed
from models.ledger.finish import uncount_crashes
from models.ledger.letters import requeue_letter
from models.ledger.operators import Operator
from policy.crashes import Blame, HeldJob, blame
from policy.errors import InvariantRefused, NotFound
from policy.leases import beats_seen, silent_for
from policy.states import DeadReason, JobState, RunStatus

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: A lost worker's own host may report what it was running for so many seconds; then any host recovers it blind.
_OWN_HOST_FIRST_S = 3.0
#: Who revives a job that died for a crash that was none.
_OURSELVES = Operator("callboard", "its worker had only been paused: no crash")


def recover(process: WorkerProcess) -> int:
    """One pass: losses are declared only after our own beats had no gap for a whole lease (docs/architecture.md).

    Gives how many jobs came back.
    """
    silent = _silent_workers(process)
    if process.may_declare_losses():
        for lost in workers.declare_lost(silent):
            metrics.worker_lost()
            event("worker_lost", "WARNING", worker_id=str(lost.id), host=lost.host, silent_s=round(lost.silent_s, 1))
    recovered: list[workers.RecoveredJob] = []
    for worker_id, host, declared_s in workers.lost_workers_with_jobs():
        ours = host == process.holder.host
        if ours or declared_s > _OWN_HOST_FIRST_S:
            try:
                recovered += _recover_worker(process, worker_id, process.slots_folder if ours else None)
            except psycopg2.Error as error:  # what is the matter with one worker's jobs keeps no other's waiting
                event("recovery_waits", "WARNING", worker_id=str(worker_id), error=error)
    # Last of all: a Redis that hangs keeps nobody's jobs from coming back.
    _tell_status(process, recovered)
    return len(recovered)


def _silent_workers(process: WorkerProcess) -> dict[UUID, datetime]:
    """Workers whose beat has not changed for a whole lease of this process's own clock (docs/decisions/0060)."""
    asked_s = time.monotonic()
    beats = workers.beats()
    # Seen when the answer was there, silent until it was asked for: a pause between the two proves nothing.
    process.beats_seen = beats_seen(process.beats_seen, beats, time.monotonic())
    return silent_for(process.beats_seen, asked_s, lease_s=process.settings.lease_s)


def take_back_crashes(process: WorkerProcess, running: Sequence[Claimed]) -> None:
    """This worker was declared lost and lives: what it runs has crashed nobody, and what died of that count is revived.

    Raises psycopg2.Error.
    """
    jobs = uncount_crashes(running)
    for letter_id in workers.poisoned_in_error(jobs, process.settings.max_crashes):
        try:
            requeue_letter(letter_id, _OURSELVES, dedupe_s=process.settings.dedupe_s)
            event("poison_taken_back", "WARNING", letter_id=str(letter_id))
        except (InvariantRefused, NotFound) as error:
            event("poison_left", "WARNING", letter_id=str(letter_id), error=error)


def _recover_worker(process: WorkerProcess, worker_id: UUID, folder: Path | None) -> list[workers.RecoveredJob]:
    all_recovered: list[workers.RecoveredJob] = []
    held = [HeldJob(*row) for row in workers.held_by(worker_id)]
    verdict = blame(held, read_started(folder, worker_id) if folder else None)
    while recovered := workers.recover_jobs(
        worker_id,
        crashed=verdict.crashed,
        suspects=verdict.suspects,
        max_crashes=process.settings.max_crashes,
    ):
        all_recovered += recovered
        _report(recovered, verdict)
    if all_recovered:
        # From the last beat until the last of its jobs is pending: what a waiting customer would have measured.
        metrics.recovered(workers.silent_s(worker_id))
    if folder and not workers.held_by(worker_id):  # a job whose row is locked is left to the next pass
        drop_started(folder, worker_id)
    return all_recovered


def _tell_status(process: WorkerProcess, recovered: Sequence[workers.RecoveredJob]) -> None:
    """Put the status documents right, which still say running; at best effort."""
    if not recovered or not isinstance(process.broker, LedgerRedisBroker):
        return
    statuses, ttl_s = [_status(job) for job in recovered], process.settings.status_ttl_s
    try:
        process.broker.settle([], along=lambda line: write_statuses(line, statuses, ttl_s))
    except redis.RedisError as error:
        event("statuses_left", "WARNING", jobs=len(statuses), error=error)


def _status(job: workers.RecoveredJob) -> JobStatus:
    """The job's status document after the loss of its worker: when that died nobody knows, so there is no duration."""
    dead = job.state == JobState.DEAD.value
    return replace(
        JobStatus.of(job, job.actor, "failed"),
        started_at=job.began_at,
        finished_at=job.lost_at,
        last_error=f"{DeadReason.POISON.value}: {job.last_error}" if dead else job.last_error,
    )


def _report(recovered: list[workers.RecoveredJob], verdict: Blame) -> None:
    for job in recovered:
        metrics.attempt_lost(job.actor)
        metrics.attempts_closed(job.actor, job.queue, RunStatus.LOST.value)
        if job.state == JobState.DEAD.value:
            metrics.job_finished(job.actor, job.state, job.client_id)
            metrics.dead_letter(job.actor, DeadReason.POISON.value)
        event(
            "job_recovered",
            "WARNING",
            job_id=str(job.job_id),
            actor=job.actor,
            state=job.state,
            correlation_id=job.correlation_id,
            crashed=job.job_id in verdict.crashed,
            suspect=job.job_id in verdict.suspects,
        )
