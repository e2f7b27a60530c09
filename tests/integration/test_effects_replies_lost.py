"""`once` when the reply to a commit is lost on a real wire: what has committed goes on, and is counted once."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from dramatiq.brokers.stub import StubBroker

from benchmarks.cable import Cable, cable_to
from middleware import metrics
from middleware.effects import Done, Guard, Refused, once
from middleware.worker_process import WorkerProcess
from models import database as db
from models.database import query
from models.ledger import effects as ledger
from models.ledger.dispatch import Wanted
from models.ledger.workers import recover_jobs
from policy.errors import OutcomeUnknown, Reschedule, StaleClaim
from tests.broker_cases import acting, acting_process, held_by_process
from tests.integration.effect_cases import Provider, attempt, cut_off, row
from tests.ledger_cases import dispatched, lose, other_session


@pytest.fixture
def wire(ledger_database: str) -> Iterator[Cable]:
    """The ledger at the other end of a cable."""
    db.close_connection()
    with cable_to(ledger_database) as (cable, url):
        db.connect(url)
        yield cable
        db.close_connection()
    db.connect(ledger_database)


@pytest.fixture
def process(wire: Cable) -> WorkerProcess:
    """A worker process that may act."""
    return acting_process(StubBroker())


@pytest.fixture
def job(process: WorkerProcess) -> Wanted:
    """A job in the ledger."""
    return dispatched()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states that are counted, one an entry."""
    counted: list[str] = []
    monkeypatch.setattr(metrics, "effect_settled", lambda kind, state: counted.append(state))
    return counted


def losing_commit(wire: Cable, refusal: str | None = None) -> Guard:
    """A guard after which the transaction's COMMIT arrives, and its reply does not."""

    def guard() -> str | None:
        wire.swallow_reply_to(b"COMMIT")
        return refusal

    return guard


def test_intent_whose_commit_was_not_answered_is_ours_and_is_carried_out(
    process: WorkerProcess, job: Wanted, wire: Cable, settled: list[str]
) -> None:
    provider = Provider("sent")

    done = attempt(process, job, provider, guard=losing_commit(wire))

    assert wire.swallowed == 1
    assert done == Done("sent", replayed=False)
    assert provider.keys == ["e"]
    assert row("state", "intents") == ("CONFIRMED", 1)
    assert settled == ["INTENDED", "CONFIRMED"]


def test_refusal_whose_commit_was_not_answered_is_a_refusal(process: WorkerProcess, job: Wanted, wire: Cable) -> None:
    provider = Provider()

    answer = attempt(process, job, provider, guard=losing_commit(wire, "opted_out"))

    assert (answer, provider.keys) == (Refused("opted_out"), [])
    assert row("state", "refusal") == ("REFUSED", "opted_out")


def test_refused_repeat_whose_commit_was_not_answered_is_held(process: WorkerProcess, job: Wanted, wire: Cable) -> None:
    cut_off(process, job, idempotent_for_s=60)
    provider = Provider()

    with pytest.raises(OutcomeUnknown):
        attempt(process, job, provider, idempotent_for_s=60, guard=losing_commit(wire, "opted_out"))

    assert (provider.keys, row("state")) == ([], ("UNKNOWN",))


def test_intent_that_was_cut_off_before_its_commit_is_not_there_and_nothing_is_sent(
    process: WorkerProcess, job: Wanted, wire: Cable
) -> None:
    provider = Provider()

    def cut() -> None:
        wire.cut()

    with pytest.raises(Reschedule):
        attempt(process, job, provider, guard=cut)

    assert provider.keys == []
    assert query("SELECT count(*) FROM side_effect") == [(0,)]


def test_intent_whose_commit_never_arrived_is_not_there_and_nothing_is_sent(
    process: WorkerProcess, job: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider()

    def broken(point: str) -> None:
        if point == "effect.before_intent_commit":
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(ledger, "crash_point", broken)

    with pytest.raises(Reschedule):
        attempt(process, job, provider)

    assert provider.keys == []
    assert query("SELECT count(*) FROM side_effect") == [(0,)]


def test_intent_of_a_worker_that_was_lost_before_it_could_read_it_back_is_known_not_to_have_happened(
    process: WorkerProcess, job: Wanted, wire: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, has_committed = Provider(), ledger.has_committed
    held = held_by_process(process, job)

    def lost_meanwhile(doubt: ledger.IntentInDoubt) -> bool | None:
        lose(process.holder)
        recover_jobs(process.holder.id, crashed=[], suspects=[], max_crashes=3)
        process.renew()
        return has_committed(doubt)

    monkeypatch.setattr(ledger, "has_committed", lost_meanwhile)

    with acting(process, held), pytest.raises(StaleClaim):
        once("e", provider, kind="mail", guard=losing_commit(wire))

    assert provider.keys == []
    assert row("state") == ("FAILED",)


def test_transaction_that_is_still_at_its_commit_is_asked_for_again(
    process: WorkerProcess, ledger_database: str
) -> None:
    with other_session(ledger_database) as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        number = str((cursor.fetchone() or ("",))[0])
        doubt = ledger.IntentInDoubt("e", 1, number, ledger.IntentTaken(1))

        while_open = ledger.has_committed(doubt)
        cursor.connection.rollback()

        assert while_open is None
        assert ledger.has_committed(doubt) is False


def test_transaction_that_this_server_has_not_come_to_was_anothers(process: WorkerProcess) -> None:
    doubt = ledger.IntentInDoubt("e", 1, str(2**40), ledger.IntentTaken(1))

    assert ledger.has_committed(doubt) is False


def test_confirmation_that_was_not_answered_is_counted_once_and_is_no_surprise(
    process: WorkerProcess, job: Wanted, wire: Cable, settled: list[str]
) -> None:
    provider = Provider()

    def send(key: str) -> str:
        provider(key)
        wire.swallow_reply_to(b"UPDATE side_effect")
        return "sent"

    done = attempt(process, job, send)

    assert wire.swallowed == 1
    assert done == Done("sent", replayed=False)
    assert row("state", "result") == ("CONFIRMED", "sent")
    assert settled == ["INTENDED", "CONFIRMED"]
