"""Dispatch: an intention becomes a job row, and after commit a copy in Redis. A held key is an answer, not an error."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

import psycopg2
import redis
from dramatiq import Actor, Broker, Message

from actors.dispatch_answers import Dispatched, Duplicate
from middleware import metrics, tracing
from middleware.configuration import connect_database, settings_in_force
from middleware.enqueuer import Handover, hand_over
from middleware.envelopes import wanted_job
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from models.crash_points import crash_point
from models.database import after_commit, atomic, in_transaction
from models.ledger.dispatch import Blocked, Inserted, Wanted, count_duplicates, dispatch_jobs
from policy.errors import DispatchContended
from policy.keys import JOB_ID_RANDOM_BYTES, new_job_id

__all__ = ["DispatchContended", "Dispatched", "Duplicate", "Job", "dispatch", "dispatch_many"]

#: `source` of a dispatch that names none.
_SOURCE = "dispatch"
#: Jobs in one insert: large enough to amortise the round trip, small enough to keep locks short.
_CHUNK = 1_000
#: From so many jobs on, their queues are asked for room first.
_ASKED_FOR = 100

#: Set while a recorded job is replayed: what it dispatches is handed over instead, and never becomes a job.
taken_by: ContextVar[Callable[[Wanted], None] | None] = ContextVar("callboard_dispatches_taken_by", default=None)

AnyActor: TypeAlias = "Actor[Any, Any]"
#: A job and the broker that its copy goes to.
_Addressed: TypeAlias = "tuple[Broker, Wanted]"


@dataclass(frozen=True, slots=True)
class Job:
    """One job for `dispatch_many`, with the options of `dispatch`."""

    actor: AnyActor
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    dispatch_key: str | None = None
    client_id: str | None = None
    run_at: datetime | None = None
    delay_ms: int | None = None
    correlation_id: str | None = None
    source: str | None = None


def dispatch(
    actor: AnyActor,
    /,
    *args: Any,
    dispatch_key: str | None = None,
    client_id: str | None = None,
    run_at: datetime | None = None,
    delay_ms: int | None = None,
    correlation_id: str | None = None,
    source: str | None = None,
    **kwargs: Any,
) -> Dispatched | Duplicate:
    """Have `actor` run once for `dispatch_key` (by default: for this call).

    Inside `atomic()` it commits or rolls back with the caller. Raises DispatchContended (retriable) when somebody's
    open transaction keeps the key busy, ValueError for a bad key, a naive `run_at` or one beside a `delay_ms`,
    TypeError for values of another kind and arguments that cannot be encoded, psycopg2.Error when the ledger is away:
    then nothing was dispatched, unless it was the reply that got lost and the ledger could not be asked again. Repeat
    it under the same `dispatch_key`, and nothing can double.
    """
    job = Job(actor, args, kwargs, dispatch_key, client_id, run_at, delay_ms, correlation_id, source)
    return dispatch_many([job])[0]


def _counts(answers: list[Dispatched | Duplicate]) -> tracing.Attributes:
    duplicates = sum(isinstance(answer, Duplicate) for answer in answers)
    return {"jobs": len(answers), "duplicates": duplicates}


@tracing.traced("dispatch", "producer", describe=_counts)
def dispatch_many(jobs: Iterable[Job]) -> list[Dispatched | Duplicate]:
    """Dispatch many jobs or none, an insert a thousand in one transaction; one answer each, in order.

    Raises as `dispatch` does.
    """
    take = taken_by.get()
    if take is not None:
        return [_taken(take, _wanted(job)) for job in jobs]
    settings = settings_in_force()
    connect_database(settings)
    wanted = [(_broker_of(job), _wanted(job)) for job in jobs]
    answers: list[Dispatched | Duplicate] = []
    chunks = _chunks(wanted)
    # All or none: who repeats a bulk that raised would dispatch its first thousands a second time.
    with atomic() if len(chunks) > 1 else nullcontext():
        for chunk, hold_back in chunks:
            crash_point("dispatch.before_commit")
            inserted = dispatch_jobs(
                [one for _, one in chunk],
                dedupe_s=settings.dedupe_s,
                hold_back=hold_back,
                client_max=settings.client_running_max,
            )
            answers += _answers(chunk, inserted)
    return answers


def _taken(take: Callable[[Wanted], None], wanted: Wanted) -> Dispatched:
    take(wanted)
    return Dispatched(str(wanted.id), wanted.dispatch_key, wanted.correlation_id, False)


def _chunks(wanted: Sequence[_Addressed]) -> list[tuple[Sequence[_Addressed], bool]]:
    """At most a thousand at a time, and whether they stay pending: those past the room of their ready lists do.

    Releasing them only to take them back cost a bulk half of its speed.
    """
    if len(wanted) < _ASKED_FOR:  # their push says it as well
        return [(wanted, False)] if wanted else []
    room = _room(wanted)
    return [
        (jobs[start : start + _CHUNK], held)
        for jobs, held in ((wanted[:room], False), (wanted[room:], True))
        for start in range(0, len(jobs), _CHUNK)
    ]


def _room(chunk: Sequence[_Addressed]) -> int:
    """How many of these jobs the ready lists can take for sure; the fullest of their lists decides for all.

    Redis is not waited for inside a transaction of the caller's.
    """
    if in_transaction():
        return len(chunk)
    lists = {(broker, one.queue) for broker, one in chunk if isinstance(broker, LedgerRedisBroker)}
    try:
        return min((broker.ready_room(queue) for broker, queue in lists), default=len(chunk))
    except redis.RedisError:
        return 0


def _wanted(job: Job) -> Wanted:
    _check(job)
    options: dict[str, Any] = {"source": job.source or _SOURCE}
    if job.dispatch_key is not None:
        options["dispatch_key"] = job.dispatch_key
    if job.client_id is not None:
        options["client_id"] = job.client_id
    if job.correlation_id is not None:
        options["correlation_id"] = job.correlation_id
    actor, broker = job.actor, _broker_of(job)
    now_ms = int(time.time() * 1000)
    job_id = new_job_id(now_ms, os.urandom(JOB_ID_RANDOM_BYTES))
    message: Message[Any]
    if type(actor).message_with_options is Actor.message_with_options:
        kwargs = job.kwargs or {}
        message = Message(actor.queue_name, actor.actor_name, job.args, kwargs, options, str(job_id), now_ms)
    else:  # an actor class of the application's, which may stamp what its actors are sent
        message = actor.message_with_options(args=job.args, kwargs=job.kwargs, **options)
        message = message._replace(message_id=str(job_id))
    # The hooks of producers run here, once: what they stamp belongs to the job, not to one of its copies.
    broker.emit_before("enqueue", message, None)
    return wanted_job(broker, message, job_id=job_id, run_at=job.run_at, delay_ms=job.delay_ms)


def _check(job: Job) -> None:
    """Raises as `dispatch` says."""
    if job.run_at is not None:
        if not isinstance(job.run_at, datetime):
            raise TypeError(f"run_at must be a datetime, not {type(job.run_at).__name__}")
        if job.run_at.utcoffset() is None:
            raise ValueError("run_at must be an aware datetime, such as datetime.now(timezone.utc)")
        if job.delay_ms is not None:
            raise ValueError("run_at and delay_ms both say when: give one of them")
    if job.dispatch_key is not None and not isinstance(job.dispatch_key, str):
        raise TypeError(f"a dispatch key must be a str, not {type(job.dispatch_key).__name__}")
    if job.dispatch_key == "":
        raise ValueError("a dispatch key must not be empty")
    if job.delay_ms is not None and not math.isfinite(job.delay_ms):
        raise ValueError(f"delay_ms must be a number of milliseconds, not {job.delay_ms}")


def _broker_of(job: Job) -> Broker:
    try:
        return job.actor.broker
    except AttributeError as error:
        raise TypeError(f"dispatch takes an actor, not {type(job.actor).__name__}") from error


def _answers(chunk: Sequence[_Addressed], inserted: Sequence[Inserted | Blocked]) -> list[Dispatched | Duplicate]:
    answers: list[Dispatched | Duplicate] = []
    ours: list[Wanted] = []
    owed: list[_Addressed] = []
    owing: list[Dispatched] = []
    blocked: list[tuple[Wanted, Blocked]] = []
    for addressed, answer in zip(chunk, inserted, strict=True):
        wanted = addressed[1]
        if isinstance(answer, Blocked):
            answers.append(Duplicate(str(answer.job_id), answer.state, answer.age_s))
            blocked.append((wanted, answer))
            continue
        dispatched = Dispatched(str(wanted.id), wanted.dispatch_key, wanted.correlation_id, False)
        answers.append(dispatched)
        ours.append(wanted)
        if answer.released:
            owed.append(addressed)
            owing.append(dispatched)
    after_commit(partial(_after_commit, Handover(owed, ours), owing, blocked))
    return answers


def _after_commit(handover: Handover, owing: Sequence[Dispatched], blocked: Sequence[tuple[Wanted, Blocked]]) -> None:
    """What may only be done once the rows are there: copies, counts, log lines. Raises nothing."""
    crash_point("dispatch.after_commit")
    if handover.inserted:
        # Before anybody can wait for it: an interrupt in between would leave him waiting for nobody.
        hand_over(handover)
        for one in owing:
            one.tell_by(handover)
    if blocked:
        _count(blocked)


def _count(blocked: Sequence[tuple[Wanted, Blocked]]) -> None:
    for one, holder in blocked:
        metrics.job_duplicate(one.actor)
        event(
            "dispatch_refused_duplicate",
            job_id=str(holder.job_id),
            dispatch_key=one.dispatch_key,
            correlation_id=one.correlation_id,
            actor=one.actor,
            client_id=one.client_id,
        )
    try:
        count_duplicates([answer for _, answer in blocked])
    except psycopg2.Error as error:
        event("duplicates_uncounted", "WARNING", duplicates=len(blocked), error=error)
