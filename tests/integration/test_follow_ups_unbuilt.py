"""A job of which not all that follows can be built has not succeeded: nothing follows, and an operator is told."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from dramatiq import Message
from dramatiq.middleware import Pipelines

from middleware.callbacks import LedgerCallbacks
from middleware.claimed_message import ClaimedMessage
from middleware.claims import Claims
from middleware.dead_letters import DeadLetters
from middleware.failures import Failures
from middleware.redis_broker import LedgerRedisBroker
from middleware.worker_process import WorkerProcess
from models.database import query
from tests.broker_cases import acting_process, actor_on, broker_on, held_by_process
from tests.ledger_cases import attempts_of, job_row

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

#: A result that JSON does not carry.
NOON = datetime(2026, 2, 17, 12, tzinfo=timezone.utc)


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker with the hooks that judge, collect and finish, in their order; two actors."""
    broker = broker_on(redis_url, Claims(), DeadLetters(), LedgerCallbacks(), Pipelines(), Failures(max_retries=4))
    actor_on(broker)
    actor_on(broker, "next")
    return broker


@pytest.fixture
def process(broker: LedgerRedisBroker) -> WorkerProcess:
    """A worker process of that broker that may act; it writes each finish at once."""
    return acting_process(broker)


def next_step(**options: Any) -> dict[str, Any]:
    """The option by which a pipeline names its next step."""
    return Message("default", "next", (), {}, options).asdict()


def ended(
    process: WorkerProcess, *, result: object = None, exception: Exception | None = None, **options: Any
) -> ClaimedMessage:
    """A message whose actor has ended so, after all after-hooks."""
    held = held_by_process(process)
    process.in_hand.start(held, lambda: True, timeout_s=0)
    message = ClaimedMessage(Message("default", "actor", (), {}, options), held)
    process.broker.emit_after("process_message", message, result=result, exception=exception)
    return message


def followers() -> int:
    """How many jobs have followed."""
    (row,) = query("SELECT count(*) FROM background_job WHERE actor = 'next'")
    return int(row[0])


UNBUILDABLE: dict[str, dict[str, Any]] = {
    "a result for the next step": {"result": NOON, "pipe_target": next_step()},
    "a result for on_success": {"result": NOON, "on_success": "next"},
    "a dispatch key that cannot be one": {"pipe_target": next_step(dispatch_key="x" * 10_000)},
    "a delay that is no number": {"pipe_target": next_step(delay="soon")},
    "one follow-up of two": {"result": NOON, "pipe_target": next_step(pipe_ignore=True), "on_success": "next"},
}


@pytest.mark.parametrize("outcome", UNBUILDABLE.values(), ids=UNBUILDABLE.keys())
def test_job_whose_follow_up_cannot_be_built_is_dead_and_nothing_follows(
    process: WorkerProcess, outcome: dict[str, Any]
) -> None:
    message = ended(process, **outcome)

    job_id = message.claim.job_id
    assert job_row(job_id, "state", "attempts_spent") == ("dead", 0)
    assert message.failed
    assert query("SELECT reason, error_class FROM dead_letter") == [("terminal", "FollowUpUnbuildable")]
    assert query("SELECT status, rule FROM background_function_run") == [("FAILED", "follow-up-unbuildable")]
    assert followers() == 0


def test_job_whose_callback_is_unknown_here_is_run_again(process: WorkerProcess) -> None:
    message = ended(process, pipe_target=next_step(), on_success="actor_of_tomorrow")

    job_id = message.claim.job_id
    assert job_row(job_id, "state", "attempts_spent") == ("pending", 1)
    assert not message.failed
    assert query("SELECT rule, error_message FROM background_function_run") == [
        ("follow-up-unknown", "no actor actor_of_tomorrow is declared here")
    ]
    assert followers() == 0


def test_failed_attempt_keeps_its_own_verdict_where_its_callback_is_unknown(process: WorkerProcess) -> None:
    message = ended(process, exception=ValueError("no"), on_failure="actor_of_tomorrow")

    assert attempts_of(message.claim.job_id) == ["FAILED"]
    assert query("SELECT rule FROM background_function_run") == [("unclassified",)]


def test_next_message_of_the_thread_knows_nothing_of_it(process: WorkerProcess) -> None:
    ended(process, result=NOON, pipe_target=next_step())

    message = ended(process, result=1, pipe_target=next_step())

    assert job_row(message.claim.job_id, "state") == ("succeeded",)
    assert followers() == 1


@pytest.mark.parametrize("max_retries", [float("inf"), 2**31 - 1, 10**12], ids=str)
def test_follow_up_may_be_tried_for_ever(process: WorkerProcess, max_retries: float) -> None:
    message = ended(process, pipe_target=next_step(max_retries=max_retries))

    assert job_row(message.claim.job_id, "state") == ("succeeded",)
    assert query("SELECT attempts_allowed FROM background_job WHERE actor = 'next'") == [(None,)]
