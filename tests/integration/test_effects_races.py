"""`once` by several at a time: one key, one call."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware.effects import Done, Refused, once
from middleware.worker_process import WorkerProcess
from models import database as db
from models.database import query
from models.ledger import effects as ledger
from policy.effects import Found
from policy.errors import OutcomeUnknown, Reschedule
from policy.states import EffectState
from tests.broker_cases import acting, acting_process, held_by_process
from tests.ledger_cases import in_threads, other_session

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that may act."""
    return acting_process(StubBroker())


def outcome_of(process: WorkerProcess, call: Any, **options: Any) -> str:
    """What a job of its own that carries out the effect "e" gets."""
    with acting(process, held_by_process(process)):
        try:
            answer = once("e", call, kind="mail", **options)
        except (Reschedule, OutcomeUnknown) as error:
            return type(error).__name__
    return "refused" if isinstance(answer, Refused) else "replayed" if answer.replayed else "done"


def test_many_jobs_racing_for_one_key_make_one_call(process: WorkerProcess) -> None:
    calls: list[str] = []

    outcomes = in_threads([lambda: outcome_of(process, calls.append) for _ in range(8)])

    assert calls == ["e"]
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "replayed", "Reschedule"}


def test_job_that_lost_the_race_for_the_intent_is_rescheduled(process: WorkerProcess) -> None:
    both_looked = threading.Barrier(2)
    calls: list[str] = []

    def guard() -> None:
        # Both have found no row, and both are about to write one.
        both_looked.wait(10)

    outcomes = in_threads([lambda: outcome_of(process, calls.append, guard=guard) for _ in range(2)])

    assert sorted(outcomes) == ["Reschedule", "done"]
    assert calls == ["e"]


def test_refusal_and_intent_racing_for_one_key_write_one_of_them(process: WorkerProcess) -> None:
    both_looked = threading.Barrier(2)
    calls: list[str] = []

    def refusing() -> str:
        both_looked.wait(10)
        return "opted_out"

    def allowing() -> None:
        both_looked.wait(10)

    outcomes = in_threads([partial(outcome_of, process, calls.append, guard=one) for one in (refusing, allowing)])

    (state,) = query("SELECT state FROM side_effect")[0]
    assert (sorted(outcomes), state, calls) in [
        (["Reschedule", "refused"], "REFUSED", []),
        (["Reschedule", "done"], "CONFIRMED", ["e"]),
    ]


def test_truth_that_arrives_while_the_effect_is_being_held_is_kept(process: WorkerProcess) -> None:
    held = held_by_process(process)
    intent = ledger.Intent("e", "mail", held.claim.job_id, "run", 1, process.holder.id, None)
    ledger.intend(intent, seen=None, guard=None)
    query("UPDATE background_job SET fence = 2")

    def confirmed_meanwhile() -> Found:
        ledger.settle("e", 1, EffectState.CONFIRMED, '"by the first holder"')
        return Found("by the lookup")

    with acting(process, held_by_process(process)):
        answer = once("e", lambda _: "again", kind="mail", lookup=confirmed_meanwhile)

    assert answer == Done("by the lookup", replayed=True)
    assert query("SELECT state, result FROM side_effect") == [("CONFIRMED", "by the first holder")]


def test_guard_that_meets_a_lock_makes_the_job_wait_and_spends_no_attempt(
    process: WorkerProcess, ledger_database: str
) -> None:
    db.close_connection()
    db.connect(ledger_database, lock_timeout_ms=100)
    calls: list[str] = []
    held = held_by_process(process)

    def counting_workers() -> None:
        query("SELECT count(*) FROM worker")

    with other_session(ledger_database) as cursor:
        cursor.execute("LOCK TABLE worker IN ACCESS EXCLUSIVE MODE")
        with acting(process, held), pytest.raises(Reschedule):
            once("e", calls.append, kind="mail", guard=counting_workers)

    assert calls == []
    assert query("SELECT count(*) FROM side_effect") == [(0,)]
    db.connect(ledger_database)
