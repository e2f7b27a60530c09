"""A consumer and what it meets in Redis, for tests of fetched batches: copies, foreign messages, letters."""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import UUID, uuid4

import redis
from dramatiq import MessageProxy

from actors.dispatch import Dispatched, dispatch
from middleware.consumer import LedgerConsumer
from middleware.redis_broker import LedgerRedisBroker, Push
from tests.broker_cases import actor_on, broker_on


def broker_with_actor(url: str) -> LedgerRedisBroker:
    """Our broker on that Redis, with the one actor "actor"."""
    broker = broker_on(url)
    actor_on(broker)
    return broker


def consumer_of(broker: LedgerRedisBroker) -> LedgerConsumer:
    """A consumer of the default queue; the broker needs its worker process first."""
    return cast(LedgerConsumer, broker.consume("default", prefetch=64, timeout=50))


def drained(consumer: LedgerConsumer) -> list[MessageProxy]:
    """All messages that one look at Redis hands on."""
    found = [next(consumer)]
    while consumer._ready:
        found.append(next(consumer))
    return [message for message in found if message is not None]


def enqueued(broker: LedgerRedisBroker, *args: Any) -> UUID:
    """A dispatched job whose copy is in Redis."""
    answer = dispatch(broker.get_actor("actor"), *args)
    assert isinstance(answer, Dispatched)
    assert answer.enqueued
    return UUID(answer.job_id)


def pushed(broker: LedgerRedisBroker, name: str, **changes: Any) -> None:
    """A message of any content, as a foreign producer could leave it."""
    fields: dict[str, Any] = {
        "queue_name": "default",
        "actor_name": "actor",
        "args": [],
        "kwargs": {},
        "options": {},
        "message_id": str(uuid4()),
        "message_timestamp": 0,
        **changes,
    }
    broker.push([Push("default", name, json.dumps(fields).encode())], bounded=False)


def letters(client: redis.Redis) -> set[str]:
    """Redis ids of the dead-letter entries."""
    return {str(cast(bytes, name), "utf-8") for name in client.zrange("dramatiq:default.XQ", 0, -1)}


def bodies(client: redis.Redis) -> int:
    """Copies that Redis still has, ready or fetched."""
    return int(client.hlen("dramatiq:default.msgs"))
