"""Releases whose copy Redis does not have come back; copies that wait are left alone."""

from __future__ import annotations

from uuid import UUID

import pytest
import redis

from actors.dispatch import Dispatched, dispatch
from middleware.redis_broker import LedgerRedisBroker
from middleware.relay import Relay
from middleware.sweep import sweep
from middleware.worker_process import WorkerProcess
from models.database import query
from policy.keys import redis_id
from tests.broker_cases import acting_process, actor_on, broker_on
from tests.ledger_cases import job_row, state_of

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker on the session's Redis."""
    broker = broker_on(redis_url)
    actor_on(broker)
    return broker


@pytest.fixture
def process(broker: LedgerRedisBroker) -> WorkerProcess:
    """A worker process of that broker, its threads stopped."""
    return acting_process(broker)


def enqueued(broker: LedgerRedisBroker, *, released_s_ago: float = 0.0) -> UUID:
    """A job whose copy is in Redis, released so long ago."""
    answer = dispatch(broker.get_actor("actor"))
    assert isinstance(answer, Dispatched)
    assert answer.enqueued
    query(
        "UPDATE background_job SET released_at = now() - make_interval(secs => %s) WHERE id = %s",
        (released_s_ago, answer.job_id),
    )
    return UUID(answer.job_id)


def lose_copy(client: redis.Redis, job_id: UUID, release: int = 1) -> None:
    """Redis forgets this one copy."""
    name = redis_id(job_id, release)
    client.lrem("dramatiq:default", 0, name)
    client.hdel("dramatiq:default.msgs", name)


def test_absent_copy_is_taken_back_after_its_time(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    young, old = enqueued(broker, released_s_ago=10), enqueued(broker, released_s_ago=20)
    for job_id in (young, old):
        lose_copy(redis_client, job_id)

    count = sweep(broker)

    assert count == 1
    assert (state_of(young), state_of(old)) == ("queued", "pending")


def test_copy_that_waits_on_its_list_is_left_alone(broker: LedgerRedisBroker) -> None:
    job_id = enqueued(broker, released_s_ago=5_000)

    assert sweep(broker) == 0
    assert state_of(job_id) == "queued"


def test_copy_that_somebody_has_fetched_is_left_alone_for_ten_minutes(broker: LedgerRedisBroker) -> None:
    job_id = enqueued(broker, released_s_ago=500)
    broker.fetch("default", 10)

    before = sweep(broker)
    query("UPDATE background_job SET released_at = now() - interval '601 seconds'")
    after = sweep(broker)

    assert (before, after) == (0, 1)
    assert state_of(job_id) == "pending"


def test_copy_that_is_stuck_is_left_alone_while_its_list_is_not_empty(broker: LedgerRedisBroker) -> None:
    stuck = enqueued(broker, released_s_ago=700)
    broker.fetch("default", 10)
    enqueued(broker)

    assert sweep(broker) == 0
    assert state_of(stuck) == "queued"


def test_copy_of_an_older_release_does_not_count_as_present(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    job_id = enqueued(broker, released_s_ago=20)
    query("UPDATE background_job SET release = 2")

    assert sweep(broker) == 1
    assert state_of(job_id) == "pending"


def test_swept_job_gets_a_new_copy_from_the_relay(process: WorkerProcess, redis_client: redis.Redis) -> None:
    broker = process.broker
    assert isinstance(broker, LedgerRedisBroker)
    job_id = enqueued(broker, released_s_ago=20)
    lose_copy(redis_client, job_id)
    sweep(broker)

    Relay(process)._release()

    assert job_row(job_id, "state", "release") == ("queued", 2)
    assert redis_client.lrange("dramatiq:default", 0, -1) == [redis_id(job_id, 2).encode()]


def test_loss_of_all_of_redis_is_swept_at_once(process: WorkerProcess, redis_client: redis.Redis) -> None:
    broker = process.broker
    assert isinstance(broker, LedgerRedisBroker)
    relay = Relay(process)
    relay._sweep()
    jobs = [enqueued(broker) for _ in range(30)]

    redis_client.flushall()
    relay._sweep()
    before = {state_of(job_id) for job_id in jobs}
    relay._release()

    assert before == {"pending"}
    assert {job_row(job_id, "state", "release") for job_id in jobs} == {("queued", 2)}
    assert redis_client.llen("dramatiq:default") == 30


def test_every_relay_sees_the_loss_whoever_sees_it_first(
    process: WorkerProcess, broker: LedgerRedisBroker, redis_client: redis.Redis, redis_url: str
) -> None:
    other_broker = broker_on(redis_url)
    actor_on(other_broker)
    first, second = Relay(process), Relay(acting_process(other_broker))
    for relay in (first, second):
        relay._sweep()
    job_id = enqueued(broker)

    redis_client.flushall()
    first._sweep()
    # The first died in the midst of its sweep.
    query("UPDATE background_job SET state = 'queued' WHERE id = %s", (job_id,))
    second._sweep()

    assert state_of(job_id) == "pending"


def test_relay_that_starts_anew_does_not_take_a_living_redis_for_a_new_one(
    process: WorkerProcess, broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    Relay(process)._sweep()
    job_id = enqueued(broker)
    lose_copy(redis_client, job_id)

    Relay(process)._sweep()

    assert state_of(job_id) == "queued"


def test_sweep_that_meets_a_copy_on_its_way_costs_a_release_and_nothing_else(
    process: WorkerProcess, redis_client: redis.Redis
) -> None:
    # The row is committed, the push is not there yet, and Redis has just lost its memory.
    broker = process.broker
    assert isinstance(broker, LedgerRedisBroker)
    job_id = enqueued(broker)
    body = redis_client.hget("dramatiq:default.msgs", redis_id(job_id, 1))
    lose_copy(redis_client, job_id)

    sweep(broker, at_once=True)
    broker.do_enqueue("default", redis_id(job_id, 1), body)  # type: ignore[arg-type]
    Relay(process)._release()

    assert job_row(job_id, "state", "release") == ("queued", 2)
    assert redis_client.llen("dramatiq:default") == 2
