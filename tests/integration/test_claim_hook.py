"""The claims hook fails closed, whatever goes wrong before, in and after the actor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq import MessageProxy
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import MiddlewareError, SkipMessage

from middleware import single_claims
from middleware.claimed_message import held_of
from middleware.claims import ClaimImpossible, Claims
from middleware.in_hand import current_held
from middleware.worker_process import WorkerProcess, current_process
from models.database import query
from tests.broker_cases import acting_process, actor_on, held_by_process, worker_process
from tests.ledger_cases import attempts_of, dispatched, job_row, state_of

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture(autouse=True)
def nothing_in_hand_afterwards() -> Iterator[None]:
    """Not every test lets the after-hooks run, which end what the before-hook has begun."""
    yield
    current_held.set(None)
    current_process.set(None)


@pytest.fixture
def broker() -> StubBroker:
    """A broker that is not ours, with one actor."""
    broker = StubBroker(middleware=[])
    actor_on(broker)
    return broker


@pytest.fixture
def process(broker: StubBroker) -> WorkerProcess:
    """A worker process of that broker that may act."""
    return acting_process(broker)


def sent(**options: Any) -> MessageProxy:
    """A plain send as a worker thread meets it."""
    return MessageProxy(dramatiq.Message("default", "actor", (), {}, options))


def started(broker: StubBroker, **options: Any) -> MessageProxy:
    """A plain send whose claim was taken and started."""
    message = sent(**options)
    Claims().before_process_message(broker, message)
    return message


def test_message_is_claimed_before_its_actor_runs(broker: StubBroker, process: WorkerProcess) -> None:
    message = started(broker)

    held = held_of(message)
    assert held is not None
    assert current_held.get() is held
    assert state_of(held.claim.job_id) == "running"


def test_worker_that_has_not_booted_runs_nothing(broker: StubBroker) -> None:
    with pytest.raises(ClaimImpossible):
        started(broker)


def test_message_that_the_ledger_refuses_is_dead_lettered_raw_and_does_not_run(
    broker: StubBroker, process: WorkerProcess
) -> None:
    message = MessageProxy(dramatiq.Message("default", "a\x00b", (), {}, {}))

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, message)

    assert message.failed
    ((raw, *letter),) = query("SELECT raw, job_id, queue, reason, resolution FROM dead_letter")
    assert letter == [None, "default", "refused_by_ledger", "OPEN"]
    assert dramatiq.Message.decode(bytes(raw)).message_id == message.message_id
    assert query("SELECT count(*) FROM background_job") == [(0,)]


def test_any_other_mistake_in_the_hook_keeps_the_actor_from_running(
    broker: StubBroker, process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_claims, "claim_waiting", lambda *_: 1 / 0)

    with pytest.raises(MiddlewareError):
        started(broker)


def test_message_that_cannot_be_read_does_not_run(broker: StubBroker, process: WorkerProcess) -> None:
    unreadable: Any = 7  # a foreign producer's message id

    with pytest.raises(MiddlewareError):
        Claims().before_process_message(
            broker, MessageProxy(dramatiq.Message("default", "actor", (), {}, {}, unreadable))
        )


def test_worker_that_stops_before_it_can_ask_the_ledger_puts_the_message_back(broker: StubBroker) -> None:
    process = worker_process(broker)
    process.stopping.set()
    message = sent()

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, message)

    assert not message.failed
    assert broker.queues["default"].qsize() == 1


def test_copy_of_a_running_job_is_skipped(broker: StubBroker, process: WorkerProcess) -> None:
    message = started(broker)

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, MessageProxy(message._message))

    assert not message.failed


def test_copy_of_a_dead_job_is_failed(broker: StubBroker, process: WorkerProcess) -> None:
    message = started(broker)
    query(
        "UPDATE background_job SET state = 'dead', holds_key = false, finished_at = now(), worker_id = NULL,"
        " claim_id = NULL"
    )
    again = MessageProxy(message._message)

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, again)

    assert again.failed


def test_duplicate_plain_send_is_counted_on_the_job_that_holds_its_key(
    broker: StubBroker, process: WorkerProcess
) -> None:
    job = dispatched("k")

    with pytest.raises(SkipMessage):
        started(broker, dispatch_key="k")

    assert job_row(job.id, "duplicates_suppressed") == (1,)


def test_success_is_finished_before_the_message_is_acked(broker: StubBroker, process: WorkerProcess) -> None:
    message = started(broker)

    Claims().after_process_message(broker, message, result={"a": 1})

    held = held_of(message)
    assert held is not None
    assert job_row(held.claim.job_id, "state", "result") == ("succeeded", {"a": 1})
    assert current_held.get() is None
    assert process.in_hand.all() == []


def test_error_that_no_hook_has_judged_is_a_failure_and_never_a_success(
    broker: StubBroker, process: WorkerProcess
) -> None:
    message = started(broker)

    Claims().after_process_message(broker, message, exception=ValueError("no"))

    held = held_of(message)
    assert held is not None
    assert job_row(held.claim.job_id, "state", "attempts_spent", "last_error") == ("pending", 1, "no")
    assert attempts_of(held.claim.job_id) == ["FAILED"]


def test_message_that_a_later_hook_skipped_is_no_success(broker: StubBroker, process: WorkerProcess) -> None:
    message = started(broker)

    Claims().after_skip_message(broker, message)

    held = held_of(message)
    assert held is not None
    assert state_of(held.claim.job_id) == "cancelled"


def test_claim_ends_once_whatever_hooks_are_called_again(broker: StubBroker, process: WorkerProcess) -> None:
    message = started(broker)
    claims = Claims()

    claims.after_process_message(broker, message, result=1)
    claims.after_skip_message(broker, message)
    claims.after_process_message(broker, message, exception=ValueError())

    held = held_of(message)
    assert held is not None
    assert attempts_of(held.claim.job_id) == ["SUCCEEDED"]
    assert query("SELECT count(*) FROM background_function_run WHERE late_status IS NOT NULL") == [(0,)]


def test_claim_that_went_back_before_its_thread_came_is_skipped(broker: StubBroker, process: WorkerProcess) -> None:
    held = held_by_process(process)
    message = sent()
    message.held = held  # type: ignore[attr-defined]
    process.give_back(process.in_hand.take_waiting())

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, message)
    Claims().after_skip_message(broker, message)

    assert state_of(held.claim.job_id) == "pending"
    assert attempts_of(held.claim.job_id) == ["CANCELLED"]


def test_suspects_start_is_committed_before_it_runs(broker: StubBroker, process: WorkerProcess) -> None:
    job = dispatched()
    query("UPDATE background_job SET suspect = true")
    message = sent()
    message.held = held_by_process(process, job)  # type: ignore[attr-defined]

    Claims().before_process_message(broker, message)

    assert query("SELECT started_at IS NOT NULL FROM background_function_run") == [(True,)]
