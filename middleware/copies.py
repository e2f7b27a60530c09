"""Making copies of released jobs ready in the broker, whichever broker it is. It must not know the ledger's statements
beyond taking a release back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg2
import redis
from dramatiq import Broker, Message
from dramatiq.errors import BrokerError, DecodeError

from middleware import tracing
from middleware.envelopes import encode, released_copy
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker, Push
from models.crash_points import crash_point
from models.ledger.dispatch import Wanted
from models.ledger.release import Released, take_back


def first_release(job: Wanted) -> Released:
    """The release under which a job is born queued."""
    return Released(job.id, 1, job.queue, job.payload, job.envelope)


def make_ready(broker: Broker, released: Sequence[Released | Wanted], *, bounded: bool) -> frozenset[UUID]:
    """Push one copy a job. Those that did not fit, or all when Redis is away, go back to pending for the relay.

    Gives the ids of the jobs whose copy is ready. Raises nothing: what cannot be taken back is swept later.
    """
    due, copies = _copies([first_release(one) if isinstance(one, Wanted) else one for one in released])
    if not due:
        return frozenset()
    try:
        crash_point("enqueue.before")
        with tracing.span("release", links=tracing.options_of([message for _, message in copies]), jobs=len(copies)):
            taken = _push(broker, copies, bounded)
        crash_point("enqueue.after")
    except (redis.RedisError, OSError, BrokerError) as error:
        event("enqueue_failed", "WARNING", jobs=len(due), error=error)
        taken = [False] * len(due)
    left = [(one.job_id, one.release) for one, ok in zip(due, taken, strict=True) if not ok]
    try:
        take_back(left)
    except psycopg2.Error as error:
        event("release_left_to_sweep", "WARNING", jobs=len(left), error=error)
    return frozenset(one.job_id for one, ok in zip(due, taken, strict=True) if ok)


def _copies(released: Sequence[Released]) -> tuple[list[Released], list[tuple[str, Message[Any]]]]:
    """The jobs whose envelope can be read, and their copies; any other is named again at each sweep."""
    due, copies = [], []
    for one in released:
        try:
            copies.append(released_copy(one))
        except DecodeError as error:
            event("payload_undecodable", "ERROR", job_id=str(one.job_id), release=one.release, error=error)
        else:
            due.append(one)
    return due, copies


def _push(broker: Broker, copies: Sequence[tuple[str, Message[Any]]], bounded: bool) -> list[bool]:
    if isinstance(broker, LedgerRedisBroker):
        pushes = [Push(message.queue_name, name, encode(message)) for name, message in copies]
        return broker.push(pushes, bounded=bounded)
    return [_enqueued(broker, message) for _, message in copies]


def _enqueued(broker: Broker, message: Message[Any]) -> bool:
    broker.enqueue(message)
    return True
