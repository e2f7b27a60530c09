"""Between a claim's commit and the books: the process is renewed there, or its heartbeat compares the books there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dramatiq
import psycopg2
import pytest
from dramatiq import MessageProxy
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import SkipMessage

from middleware.claimed_message import ClaimedMessage
from middleware.claims import Claims
from middleware.consumer import LedgerConsumer
from middleware.heartbeat import Heartbeat
from middleware.redis_broker import LedgerRedisBroker
from middleware.single_claims import claim_waiting
from middleware.worker_process import WorkerProcess
from models.ledger.claim import claim as ledger_claim
from models.ledger.workers import recover_jobs
from tests.broker_cases import acting_process, actor_on
from tests.integration.consumer_cases import broker_with_actor, consumer_of, enqueued
from tests.ledger_cases import attempts_of, job_row, lose, state_of

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker on the session's Redis, with one actor."""
    return broker_with_actor(redis_url)


@pytest.fixture
def process(broker: LedgerRedisBroker) -> WorkerProcess:
    """A worker process of that broker that may act."""
    return acting_process(broker)


@pytest.fixture
def beating(process: WorkerProcess) -> Heartbeat:
    """Its heartbeat, beaten by hand."""
    heartbeat = Heartbeat(process)
    heartbeat._beat()
    return heartbeat


@pytest.fixture
def consumer(broker: LedgerRedisBroker, beating: Heartbeat) -> LedgerConsumer:
    """The consumer of the default queue."""
    return consumer_of(broker)


def then(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], module: str = "claim_batch") -> None:
    """Once a claim has committed, and before anybody knows its answer, this happens."""

    def claim(*args: Any, **kwargs: Any) -> Any:
        answer = ledger_claim(*args, **kwargs)
        happens()
        return answer

    monkeypatch.setattr(f"middleware.{module}.claim", claim)


def lost_recovered_and_renewed(process: WorkerProcess, beating: Heartbeat) -> None:
    """What a process finds that was stopped for longer than its lease."""
    former = process.holder.id
    lose(process.holder)
    recover_jobs(former, crashed=[], suspects=[], max_crashes=3)
    beating._beat()
    beating._beat()
    assert process.holder.id != former
    assert process.may_act()


def test_claim_of_an_identity_that_was_lost_before_it_was_handed_on_never_starts(
    broker: LedgerRedisBroker,
    consumer: LedgerConsumer,
    process: WorkerProcess,
    beating: Heartbeat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = enqueued(broker)
    then(monkeypatch, lambda: lost_recovered_and_renewed(process, beating))

    message = next(consumer)

    assert isinstance(message, ClaimedMessage)
    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, message)
    assert state_of(job_id) == "pending"
    assert attempts_of(job_id) == ["LOST"]


def test_single_claim_of_an_identity_that_was_lost_meanwhile_never_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = StubBroker(middleware=[])
    actor_on(broker)
    process = acting_process(broker)
    beating = Heartbeat(process)
    beating._beat()
    then(monkeypatch, lambda: lost_recovered_and_renewed(process, beating), "single_claims")
    message = MessageProxy(dramatiq.Message("default", "actor", (), {}, {}))

    held = claim_waiting(process, message)

    assert held is not None
    assert not process.may_act(held.worker_id)


def test_claim_whose_answer_is_on_its_way_is_no_stray_however_often_the_books_are_compared(
    broker: LedgerRedisBroker,
    consumer: LedgerConsumer,
    beating: Heartbeat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = enqueued(broker)
    then(monkeypatch, lambda: [beating._beat() for _ in range(3)])

    message = next(consumer)

    assert isinstance(message, ClaimedMessage)
    assert job_row(job_id, "state", "fence") == ("running", message.claim.fence)
    assert attempts_of(job_id) == ["RUNNING"]


def test_claim_whose_reply_was_lost_waits_for_its_consumer_and_not_for_the_heartbeat(
    broker: LedgerRedisBroker,
    consumer: LedgerConsumer,
    beating: Heartbeat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = enqueued(broker)

    def cut() -> None:
        monkeypatch.undo()
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    then(monkeypatch, cut)

    assert next(consumer) is None
    for _ in range(3):
        beating._beat()
    message = next(consumer)

    assert isinstance(message, ClaimedMessage)
    assert attempts_of(job_id) == ["RUNNING"]


def test_claim_whose_consumer_closed_before_its_answer_goes_back_after_two_beats(
    broker: LedgerRedisBroker,
    consumer: LedgerConsumer,
    beating: Heartbeat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = enqueued(broker)

    def cut() -> None:
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    then(monkeypatch, cut)
    assert next(consumer) is None

    consumer.close()
    beating._beat()
    beating._beat()

    assert state_of(job_id) == "pending"
    assert attempts_of(job_id) == ["CANCELLED"]
