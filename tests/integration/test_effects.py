"""`once` where the outcome is known: what is sent, replayed, refused by the guard or the provider, and stored."""

from __future__ import annotations

from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware.effects import Done, Refused
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger import effects as ledger
from models.ledger.dispatch import Wanted
from tests.broker_cases import acting_process, held_by_process
from tests.integration.effect_cases import Provider, Refusing, attempt, row
from tests.ledger_cases import dispatched, other_session

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that may act."""
    return acting_process(StubBroker())


@pytest.fixture
def job() -> Wanted:
    """A job in the ledger."""
    return dispatched()


def test_first_time_is_called_with_the_key_and_confirmed(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()

    done = attempt(process, job, provider)

    assert done == Done({"provider_reference": "p1"}, replayed=False)
    assert provider.keys == ["e"]
    assert row("state", "result", "provider_reference", "job_id", "kind", "intents", "settled_at IS NOT NULL") == (
        "CONFIRMED",
        {"provider_reference": "p1"},
        "p1",
        job.id,
        "mail",
        1,
        True,
    )


def test_intent_is_committed_before_the_call(process: WorkerProcess, job: Wanted) -> None:
    seen: list[Any] = []

    attempt(process, job, lambda _: seen.append(row("state", "settled_at")))

    assert seen == [("INTENDED", None)]


def test_intent_says_who_is_asked_and_for_what_where_that_is_given(process: WorkerProcess, job: Wanted) -> None:
    seen: list[Any] = []

    def call(_: str) -> None:
        seen.append(row("state", "provider", "request_digest"))
        raise Refusing

    with pytest.raises(Refusing):
        attempt(process, job, call, provider="post", request_digest="d1")
    attempt(process, job, Provider(), provider="pigeon", request_digest="d2")

    assert seen == [("INTENDED", "post", "d1")]
    assert row("state", "provider", "request_digest", "intents") == ("CONFIRMED", "pigeon", "d2", 2)


def test_confirmed_effect_is_replayed_and_nothing_is_sent(process: WorkerProcess, job: Wanted) -> None:
    attempt(process, job, Provider({"n": 1}))
    again = Provider()

    done = attempt(process, job, again, guard=lambda: "not asked any more")

    assert done == Done({"n": 1}, replayed=True)
    assert again.keys == []


def test_confirmed_effect_is_replayed_to_another_job(process: WorkerProcess, job: Wanted) -> None:
    attempt(process, job, Provider({"n": 1}))

    done = attempt(process, dispatched(), Provider())

    assert done == Done({"n": 1}, replayed=True)


def test_refusal_of_the_guard_is_stored_and_nothing_is_sent(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()

    answer = attempt(process, job, provider, guard=lambda: "opted_out")

    assert answer == Refused("opted_out")
    assert provider.keys == []
    assert row("state", "refusal", "settled_at IS NOT NULL") == ("REFUSED", "opted_out", True)


def test_refused_effect_asks_its_guard_anew(process: WorkerProcess, job: Wanted) -> None:
    attempt(process, job, Provider(), guard=lambda: "paused")

    still = attempt(process, job, Provider(), guard=lambda: "opted_out")
    then = attempt(process, job, Provider(), guard=lambda: None)

    assert still == Refused("opted_out")
    assert isinstance(then, Done)
    assert row("state", "refusal", "intents") == ("CONFIRMED", None, 3)


def test_guard_is_evaluated_in_the_intents_transaction_behind_the_lock_on_the_job(
    process: WorkerProcess, job: Wanted, ledger_database: str
) -> None:
    seen: list[bool] = []

    def guard() -> None:
        with other_session(ledger_database) as cursor:
            cursor.execute("SELECT count(*) FROM background_job WHERE id = %s", (str(job.id),))
            cursor.execute("SELECT id FROM background_job WHERE id = %s FOR UPDATE SKIP LOCKED", (str(job.id),))
            seen.append(cursor.fetchone() is None)
        query("UPDATE background_job SET source = 'touched by the guard' WHERE id = %s", (job.id,))

    attempt(process, job, Provider(), guard=guard)

    written = query(
        "SELECT job.source FROM background_job AS job JOIN side_effect AS effect ON effect.job_id = job.id"
        " WHERE job.id = %s",
        (job.id,),
    )
    assert seen == [True]
    assert written == [("touched by the guard",)]


def test_guard_that_fails_leaves_no_intent(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()

    def guard() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        attempt(process, job, provider, guard=guard)

    assert provider.keys == []
    assert query("SELECT count(*) FROM side_effect") == [(0,)]


def test_definite_refusal_is_failed_and_may_be_tried_again(process: WorkerProcess, job: Wanted) -> None:
    with pytest.raises(Refusing):
        attempt(process, job, Provider(Refusing()))
    before = row("state", "intents")

    done = attempt(process, job, Provider())

    assert before == ("FAILED", 1)
    assert isinstance(done, Done)
    assert row("state", "intents") == ("CONFIRMED", 2)


def test_failed_effect_is_intended_anew_by_one_only(process: WorkerProcess, job: Wanted) -> None:
    with pytest.raises(Refusing):
        attempt(process, job, Provider(Refusing()))
    seen = ledger.read("e", job_id=job.id, claim_fence=1)
    query("UPDATE side_effect SET intents = 2")
    held = held_by_process(process)
    intent = ledger.Intent("e", "mail", held.claim.job_id, "run", 1, process.holder.id, None)

    answer = ledger.intend(intent, seen=seen, guard=None)

    assert answer == ledger.IntentOvertaken()
    assert row("state") == ("FAILED",)


@pytest.mark.parametrize(
    "result",
    [
        pytest.param("a\x00b", id="nul"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param(object(), id="not-json"),
        pytest.param("x" * 100_000, id="large"),
        pytest.param(float("inf"), id="infinite"),
    ],
)
def test_any_result_confirms(process: WorkerProcess, job: Wanted, result: object) -> None:
    attempt(process, job, lambda _: result)

    assert row("state", "octet_length(result::text) < 70000") == ("CONFIRMED", True)


def test_result_nested_too_deep_for_the_ledger_confirms_without_it(process: WorkerProcess, job: Wanted) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    query("SET max_stack_depth = '100kB'")

    attempt(process, job, lambda _: deep)

    assert row("state") == ("CONFIRMED",)
