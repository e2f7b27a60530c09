"""What a batch may hold besides good copies: each is claimed, dropped or put aside, and harms no neighbour."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
import redis

from middleware.claimed_message import ClaimedMessage
from middleware.consumer import LedgerConsumer
from middleware.redis_broker import LedgerRedisBroker, Push
from middleware.worker_process import WorkerProcess
from models.database import query
from policy.keys import redis_id
from tests.broker_cases import acting_process
from tests.integration.consumer_cases import bodies, broker_with_actor, consumer_of, drained, enqueued, letters, pushed
from tests.ledger_cases import attempts_of, job_row, state_of, until

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


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\x00", id="not utf-8"),
        pytest.param(b"{}", id="no message"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(
            json.dumps(
                {
                    "queue_name": "default",
                    "actor_name": "actor",
                    "args": [],
                    "kwargs": {},
                    "options": [],
                    "message_id": "m",
                    "message_timestamp": 0,
                }
            ).encode(),
            id="options that are a list",
        ),
    ],
)
def test_bytes_that_are_no_message_are_put_aside_and_harm_no_neighbour(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis, data: bytes
) -> None:
    broker.push([Push("default", "bad", data)], bounded=False)
    job_id = enqueued(broker)

    messages = drained(consumer)

    assert [message.message_id for message in messages] == [str(job_id)]
    assert letters(redis_client) == {"bad"}
    ((raw, *letter),) = query("SELECT raw, redis_message_id, reason, job_id FROM dead_letter")
    assert (bytes(raw), letter) == (data, ["bad", "undecodable", None])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"actor_name": "a\x00b"}, id="nul in the actor's name"),
        pytest.param({"actor_name": "\ud800"}, id="a lone surrogate in the actor's name"),
        pytest.param({"actor_name": {"a": 1}}, id="an actor's name that is no text"),
        pytest.param({"message_id": 7}, id="a message id that is no text"),
        pytest.param({"message_id": None}, id="no message id"),
    ],
)
def test_message_that_the_ledger_refuses_is_put_aside_raw_and_harms_no_neighbour(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis, changes: dict[str, Any]
) -> None:
    jobs = [enqueued(broker) for _ in range(3)]
    pushed(broker, "bad", **changes)
    jobs += [enqueued(broker) for _ in range(3)]

    messages = drained(consumer)

    assert {UUID(message.message_id) for message in messages} == set(jobs)
    assert letters(redis_client) == {"bad"}
    assert query("SELECT redis_message_id FROM dead_letter") == [("bad",)]
    assert [attempts_of(job_id) for job_id in jobs] == [["RUNNING"]] * 6


def test_plain_send_of_any_spelling_is_claimed(broker: LedgerRedisBroker, consumer: LedgerConsumer) -> None:
    pushed(
        broker,
        "odd",
        message_id="not a uuid",
        message_timestamp="yesterday",
        options={"client_id": 7, "correlation_id": ["x"], "dispatch_key": "x" * 1000, "throws": ["ValueError"]},
    )

    (message,) = drained(consumer)

    assert isinstance(message, ClaimedMessage)
    assert job_row(message.claim.job_id, "state", "client_id") == ("running", "7")


@pytest.mark.parametrize("max_retries", [10**12, float("inf")], ids=["more than a column takes", "infinitely many"])
def test_plain_send_that_may_be_tried_for_ever_is_claimed(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, max_retries: float
) -> None:
    pushed(broker, "stubborn", options={"max_retries": max_retries})

    (message,) = drained(consumer)

    assert isinstance(message, ClaimedMessage)
    assert job_row(message.claim.job_id, "attempts_allowed") == (None,)


def test_throws_that_came_with_a_message_is_dropped(broker: LedgerRedisBroker, consumer: LedgerConsumer) -> None:
    # Dramatiq asks isinstance(error, throws) in the worker thread, which dies of anything but classes.
    pushed(broker, "odd", options={"throws": ["ValueError"]})

    (message,) = drained(consumer)

    assert "throws" not in message.options


def test_refused_copies_leave_redis_and_dead_ones_become_letters(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, redis_client: redis.Redis
) -> None:
    cancelled, dead, gone = (enqueued(broker) for _ in range(3))
    over = "holds_key = false, finished_at = now()"
    query(f"UPDATE background_job SET state = 'cancelled', {over} WHERE id = %s", (cancelled,))
    query(f"UPDATE background_job SET state = 'dead', {over} WHERE id = %s", (dead,))
    query("DELETE FROM background_job WHERE id = %s", (gone,))

    messages = drained(consumer)

    assert messages == []
    assert letters(redis_client) == {redis_id(dead, 1), redis_id(gone, 1)}
    assert bodies(redis_client) == 0


def test_envelope_of_a_row_that_cannot_be_read_makes_its_job_a_letter(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, process: WorkerProcess
) -> None:
    bad, good = enqueued(broker), enqueued(broker)
    query("UPDATE background_job SET payload = 'nonsense' WHERE id = %s", (bad,))

    messages = drained(consumer)

    assert [message.message_id for message in messages] == [str(good)]
    until(lambda: state_of(bad) == "dead", "the letter")
    assert query("SELECT job_id, reason FROM dead_letter") == [(bad, "undecodable")]


def test_message_that_waits_for_its_time_is_not_claimed(broker: LedgerRedisBroker, consumer: LedgerConsumer) -> None:
    pushed(broker, "later", options={"eta": 9_999_999_999_999})

    (message,) = drained(consumer)

    assert not isinstance(message, ClaimedMessage)
    assert query("SELECT count(*) FROM background_job") == [(0,)]
