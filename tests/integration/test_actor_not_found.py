"""An actor that this worker does not know, as in a rolling deploy: its jobs wait ten minutes, whatever they spent."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import pytest
import redis

from middleware.consumer import LedgerConsumer
from middleware.redis_broker import LedgerRedisBroker
from middleware.releases import release_waiting
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger.letters import Operator, requeue_letter
from tests.broker_cases import acting_process, actor_on
from tests.integration.consumer_cases import broker_with_actor, consumer_of, drained, enqueued
from tests.ledger_cases import attempts_of, job_row, state_of

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """A broker of the old code: it has "actor", and the new one is to come."""
    return broker_with_actor(redis_url)


@pytest.fixture
def process(broker: LedgerRedisBroker) -> WorkerProcess:
    """A worker process of that broker that may act."""
    return acting_process(broker)


@pytest.fixture
def consumer(broker: LedgerRedisBroker, process: WorkerProcess) -> LedgerConsumer:
    """The consumer of the default queue."""
    return consumer_of(broker)


@pytest.fixture
def job_id(broker: LedgerRedisBroker) -> UUID:
    """A job whose actor the broker has forgotten since it was dispatched."""
    found = enqueued(broker)
    broker.actors.clear()
    return found


def look(consumer: LedgerConsumer, process: WorkerProcess, *, minutes_later: float) -> None:
    """The worker meets the job once more, so much later."""
    query(
        "UPDATE background_function_run SET claimed_at = claimed_at - make_interval(secs => %s)", (60 * minutes_later,)
    )
    query("UPDATE background_job SET run_at = now() - interval '1 second' WHERE state = 'pending'")
    release_waiting(process)
    assert drained(consumer) == []


def test_waits_half_a_minute_and_spends_nothing(consumer: LedgerConsumer, job_id: UUID) -> None:
    assert drained(consumer) == []

    assert job_row(job_id, "state", "attempts_spent", "throttles", "crashes") == ("pending", 0, 0, 0)
    assert query(
        "SELECT run_at BETWEEN now() + interval '25 seconds' AND now() + interval '31 seconds' FROM background_job"
    ) == [(True,)]
    assert attempts_of(job_id) == ["RESCHEDULED"]


def test_dies_after_ten_minutes_and_not_before(
    consumer: LedgerConsumer, process: WorkerProcess, job_id: UUID, redis_client: redis.Redis
) -> None:
    drained(consumer)
    look(consumer, process, minutes_later=5)
    look(consumer, process, minutes_later=4.9)
    before = state_of(job_id)
    look(consumer, process, minutes_later=0.2)

    assert (before, state_of(job_id)) == ("pending", "dead")
    assert query("SELECT reason FROM dead_letter") == [("actor_not_found",)]


def test_job_that_was_throttled_often_waits_as_long_as_any_other(consumer: LedgerConsumer, job_id: UUID) -> None:
    query("UPDATE background_job SET throttles = 60")

    drained(consumer)

    assert job_row(job_id, "state", "throttles") == ("pending", 60)


def test_ten_minutes_begin_anew_once_the_actor_was_there(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, process: WorkerProcess, job_id: UUID
) -> None:
    drained(consumer)
    query("UPDATE background_function_run SET status = 'FAILED', rule = 'unclassified'")

    look(consumer, process, minutes_later=30)

    assert state_of(job_id) == "pending"


def test_requeued_job_waits_ten_minutes_anew(consumer: LedgerConsumer, process: WorkerProcess, job_id: UUID) -> None:
    drained(consumer)
    look(consumer, process, minutes_later=11)
    (letter_id,) = cast("tuple[UUID]", query("SELECT id FROM dead_letter")[0])
    requeue_letter(letter_id, Operator("test"), dedupe_s=60)

    look(consumer, process, minutes_later=1)

    assert state_of(job_id) == "pending"


def test_job_runs_as_soon_as_a_worker_with_its_actor_meets_it(
    broker: LedgerRedisBroker, consumer: LedgerConsumer, process: WorkerProcess, job_id: UUID
) -> None:
    drained(consumer)
    actor_on(broker)
    query("UPDATE background_job SET run_at = now()")
    release_waiting(process)

    (message,) = drained(consumer)

    assert message.message_id == str(job_id)
