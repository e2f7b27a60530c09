"""A Redis whose memory is full: it takes nothing new, jobs wait in the ledger, and what has been done is let go of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast
from uuid import UUID

import pytest
import redis

from actors.dispatch import Dispatched, dispatch
from middleware.claimed_message import ClaimedMessage
from middleware.finish_writer import FinishWriter
from middleware.redis_broker import LedgerRedisBroker
from middleware.releases import release_waiting
from middleware.worker_process import WorkerProcess
from policy.keys import redis_id
from tests.broker_cases import acting_process
from tests.integration.consumer_cases import bodies, broker_with_actor, consumer_of, drained, enqueued, letters
from tests.ledger_cases import death, state_of, success

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def broker(redis_url: str, redis_client: redis.Redis) -> LedgerRedisBroker:
    """Our broker on the session's Redis, with one actor."""
    return broker_with_actor(redis_url)


@pytest.fixture
def process(broker: LedgerRedisBroker) -> WorkerProcess:
    """A worker process of that broker with a writer that has not begun."""
    process = acting_process(broker)
    process.writer = FinishWriter(process)
    return process


@pytest.fixture
def full(redis_client: redis.Redis) -> Iterator[None]:
    """From now on it refuses whatever would need memory."""
    yield
    redis_client.config_set("maxmemory", 0)


def fill(client: redis.Redis) -> None:
    """It has no memory left."""
    client.config_set("maxmemory", 1)
    with pytest.raises(redis.OutOfMemoryError):
        client.set("anything", "more")


def in_hand(broker: LedgerRedisBroker, process: WorkerProcess) -> tuple[UUID, ClaimedMessage]:
    """A job that was claimed before the memory was full."""
    job_id = enqueued(broker)
    (message,) = drained(consumer_of(broker))
    return job_id, cast(ClaimedMessage, message)


@pytest.mark.usefixtures("full")
def test_finished_copies_are_acked_and_leave_room(
    broker: LedgerRedisBroker, process: WorkerProcess, redis_client: redis.Redis
) -> None:
    job_id, message = in_hand(broker, process)
    assert process.writer is not None
    fill(redis_client)

    process.writer.put(message.held, success(message.claim))
    process.writer.start()
    ended = process.writer.end(10)

    assert ended
    assert state_of(job_id) == "succeeded"
    assert bodies(redis_client) == 0
    assert process.in_hand.all() == []
    assert process.in_hand.outstanding("default") == 0


@pytest.mark.usefixtures("full")
def test_dead_jobs_copy_is_let_go_of_and_entered_among_the_dead(
    broker: LedgerRedisBroker, process: WorkerProcess, redis_client: redis.Redis
) -> None:
    job_id, message = in_hand(broker, process)
    assert process.writer is not None
    fill(redis_client)

    process.writer.put(message.held, death(message.claim))
    process.writer.start()
    process.writer.end(10)

    assert state_of(job_id) == "dead"
    assert (bodies(redis_client), letters(redis_client)) == (0, {redis_id(job_id, 1)})
    assert process.in_hand.all() == []


@pytest.mark.usefixtures("full")
def test_dispatch_keeps_its_job_and_the_relay_enqueues_it_once_there_is_room(
    broker: LedgerRedisBroker, process: WorkerProcess, redis_client: redis.Redis
) -> None:
    fill(redis_client)

    answer = dispatch(broker.get_actor("actor"))
    assert isinstance(answer, Dispatched)
    assert not answer.enqueued
    meanwhile = state_of(UUID(answer.job_id))
    redis_client.config_set("maxmemory", 0)
    release_waiting(process)

    assert meanwhile == "pending"
    assert [message.message_id for message in drained(consumer_of(broker))] == [answer.job_id]


@pytest.mark.usefixtures("full")
def test_fetch_that_finds_no_room_for_its_acks_takes_nothing_off_the_list(
    broker: LedgerRedisBroker, process: WorkerProcess, redis_client: redis.Redis
) -> None:
    enqueued(broker)
    fill(redis_client)

    with pytest.raises(redis.OutOfMemoryError):
        broker.fetch("default", 10)

    assert redis_client.llen("dramatiq:default") == 1
