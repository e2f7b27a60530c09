"""Fetched batches: what is claimed, kept while the ledger is away, handed back and bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import dramatiq
import psycopg2
import pytest
import redis
from dramatiq.errors import ConnectionClosed

from middleware.claimed_message import ClaimedMessage
from middleware.consumer import LedgerConsumer
from middleware.redis_broker import LedgerRedisBroker, Push
from middleware.worker_process import BYTES_OF_A_CLAIM, WorkerProcess
from models.database import query
from models.ledger.claim import claim as ledger_claim
from policy.keys import redis_id
from tests.broker_cases import acting_process
from tests.integration.consumer_cases import bodies, broker_with_actor, consumer_of, drained, enqueued
from tests.ledger_cases import attempts_of, lose, state_of

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker on the session's Redis, with one actor."""
    return broker_with_actor(redis_url)


@pytest.fixture
def process(broker: LedgerRedisBroker) -> WorkerProcess:
    """A worker process of that broker that may act; it writes each finish at once."""
    return acting_process(broker)


@pytest.fixture
def consumer(broker: LedgerRedisBroker, process: WorkerProcess) -> LedgerConsumer:
    """The consumer of the default queue."""
    return consumer_of(broker)


def test_batch_is_claimed_and_handed_on(broker: LedgerRedisBroker, consumer: LedgerConsumer) -> None:
    jobs = [enqueued(broker, number) for number in range(5)]

    messages = drained(consumer)

    assert [message.args for message in messages] == [(number,) for number in range(5)]
    assert all(isinstance(message, ClaimedMessage) for message in messages)
    assert {state_of(job_id) for job_id in jobs} == {"running"}


def test_what_runs_is_the_rows_envelope(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis
) -> None:
    job_id = enqueued(broker, "the row's")
    name = redis_id(job_id, 1)
    forged = dramatiq.Message.decode(cast(bytes, redis_client.hget("dramatiq:default.msgs", name)))
    redis_client.hset("dramatiq:default.msgs", name, forged.copy(args=("forged",)).encode())

    (message,) = drained(consumer)

    assert message.args == ("the row's",)
    assert message.options["redis_message_id"] == name


def test_two_copies_of_one_job_in_a_batch_are_claimed_once(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis
) -> None:
    job_id = enqueued(broker)
    body = cast(bytes, redis_client.hget("dramatiq:default.msgs", redis_id(job_id, 1)))
    broker.push([Push("default", "again", body)], bounded=False)

    messages = drained(consumer)

    assert len(messages) == 1
    assert attempts_of(job_id) == ["RUNNING"]
    assert bodies(redis_client) == 1


@pytest.mark.parametrize("newer_first", [True, False])
def test_newer_of_two_releases_in_a_batch_is_claimed(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis, newer_first: bool
) -> None:
    job_id = enqueued(broker)
    old = redis_id(job_id, 1)
    message = dramatiq.Message.decode(cast(bytes, redis_client.hget("dramatiq:default.msgs", old)))
    newer = message.copy(options={"release": 2})
    query("UPDATE background_job SET release = 2")
    broker.push([Push("default", redis_id(job_id, 2), newer.encode())], bounded=False)
    if newer_first:
        redis_client.rpush("dramatiq:default", cast(bytes, redis_client.lpop("dramatiq:default")))

    (claimed,) = drained(consumer)

    assert claimed.options["redis_message_id"] == redis_id(job_id, 2)
    assert state_of(job_id) == "running"
    assert bodies(redis_client) == 1


def failing(times: int, error: psycopg2.Error) -> Callable[..., Any]:
    """A claim that fails so often before it asks the ledger."""
    original, left = ledger_claim, [error] * times

    def claim(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return original(*args, **kwargs)

    return claim


def test_batch_is_kept_while_the_ledger_is_away_and_nothing_more_is_fetched(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = enqueued(broker)
    monkeypatch.setattr("middleware.claim_batch.claim", failing(2, psycopg2.OperationalError()))

    before = next(consumer)
    second = enqueued(broker)
    meanwhile = next(consumer)
    left = redis_client.llen("dramatiq:default")
    after = next(consumer)

    assert (before, meanwhile, left) == (None, None, 1)
    assert after is not None
    assert after.message_id == str(first)
    assert state_of(second) == "queued"
    assert query("SELECT count(*) FROM dead_letter") == [(0,)]


def test_claim_whose_reply_was_lost_is_taken_up_again(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = enqueued(broker)
    original = ledger_claim

    def losing_its_reply(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        monkeypatch.setattr("middleware.claim_batch.claim", original)
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("middleware.claim_batch.claim", losing_its_reply)

    before, after = next(consumer), next(consumer)

    assert before is None
    assert isinstance(after, ClaimedMessage)
    assert (after.claim.fence, attempts_of(job_id)) == (1, ["RUNNING"])


def test_lost_worker_keeps_its_batch_and_claims_nothing(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, process: WorkerProcess
) -> None:
    job_id = enqueued(broker)
    lose(process.holder)

    assert next(consumer) is None
    assert state_of(job_id) == "queued"


def test_worker_that_has_not_registered_fetches_nothing(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, process: WorkerProcess, redis_client: redis.Redis
) -> None:
    enqueued(broker)
    process._registered.clear()

    assert next(consumer) is None
    assert redis_client.llen("dramatiq:default") == 1


def test_stopping_worker_fetches_nothing_more(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, process: WorkerProcess, redis_client: redis.Redis
) -> None:
    enqueued(broker)
    process.stopping.set()

    assert next(consumer) is None
    assert redis_client.llen("dramatiq:default") == 1


def test_consumer_that_closes_puts_back_what_it_has_not_claimed(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [enqueued(broker) for _ in range(3)]
    monkeypatch.setattr("middleware.claim_batch.claim", failing(1, psycopg2.OperationalError()))
    next(consumer)

    consumer.close()

    assert redis_client.llen("dramatiq:default") == 3
    assert {state_of(job_id) for job_id in jobs} == {"queued"}


def test_consumer_that_starts_anew_puts_back_what_its_broker_had_fetched_and_nobody_has_in_hand(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis
) -> None:
    enqueued(broker)
    in_hand = drained(consumer)
    stranded = enqueued(broker)
    broker.fetch("default", 10)

    broker.consume("default", prefetch=64, timeout=50)

    assert len(in_hand) == 1
    assert redis_client.lrange("dramatiq:default", 0, -1) == [redis_id(stranded, 1).encode()]


def test_redis_that_goes_away_is_a_connection_error_of_the_broker(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(broker, "fetch", away)

    with pytest.raises(ConnectionClosed):
        next(consumer)


def test_claimed_message_is_not_acked_by_the_consumer_before_its_finish(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis
) -> None:
    enqueued(broker)
    (message,) = drained(consumer)

    consumer.ack(message)
    consumer.nack(message)
    consumer.requeue([message])

    assert bodies(redis_client) == 1
    assert redis_client.llen("dramatiq:default") == 0


def test_large_copies_are_fetched_a_few_at_a_time_in_their_order(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    names = [f"copy-{number}" for number in range(6)]
    broker.push([Push("default", name, b"x" * 400_000) for name in names], bounded=False)

    taken = [[name for name, _ in broker.fetch("default", 64, BYTES_OF_A_CLAIM)] for _ in range(2)]

    assert taken == [names[:3], names[3:]]
    assert redis_client.llen("dramatiq:default") == 0


def test_consumer_takes_no_more_bytes_at_once_than_a_claim_may_carry(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, process: WorkerProcess, redis_client: redis.Redis
) -> None:
    for _ in range(5):
        enqueued(broker, "x" * 600_000)
    for _ in range(50):
        process.fetched([300] * 50)

    in_hand = drained(consumer)

    assert (len(in_hand), redis_client.llen("dramatiq:default")) == (2, 3)


def test_copy_larger_than_a_claim_may_carry_is_fetched_alone(broker: LedgerRedisBroker) -> None:
    broker.push([Push("default", name, b"x" * 100) for name in ("one", "two")], bounded=False)

    assert [name for name, _ in broker.fetch("default", 64, 50)] == ["one"]


def test_copies_in_hand_bound_what_is_fetched(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, process: WorkerProcess, redis_client: redis.Redis
) -> None:
    for _ in range(100):
        enqueued(broker)

    for _ in range(20):
        drained(consumer)

    taken = process.in_hand.outstanding("default")
    assert process.prefetch() / 2 < taken <= process.prefetch()
    assert redis_client.llen("dramatiq:default") == 100 - taken
