"""A job that died as poison for the loss of a worker that had only been paused is revived when that worker reports."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import recovery
from middleware.heartbeat import Heartbeat
from middleware.in_hand import Held
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger import workers
from models.ledger.finish import finish
from policy.settings import Settings
from tests.broker_cases import held_by_process
from tests.ledger_cases import DEDUPE_S, claimed, job_row, lose, registered, success

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process(tmp_path: Path) -> WorkerProcess:
    settings = Settings(max_crashes=1)
    return WorkerProcess(StubBroker(middleware=[]), settings, queues=(), threads=1, slots_folder=tmp_path)


def test_poison_of_a_paused_worker_is_taken_back_with_an_operators_row(process: WorkerProcess) -> None:
    holder = registered()
    claim = claimed(holder)
    lose(holder)
    workers.recover_jobs(holder.id, crashed=[claim.job_id], suspects=[], max_crashes=1)
    before = job_row(claim.job_id, "state", "crashes")

    recovery.take_back_crashes(process, [claim])
    recovery.take_back_crashes(process, [claim])

    assert before == ("dead", 1)
    assert job_row(claim.job_id, "state", "crashes", "requeues", "holds_key") == ("pending", 0, 1, True)
    assert query("SELECT resolution, resolved_by FROM dead_letter") == [("REQUEUED", "callboard")]
    assert query("SELECT operator, verb, result FROM operator_action") == [("callboard", "requeue", "done")]


def test_poison_that_others_have_found_as_well_stays_dead(process: WorkerProcess) -> None:
    holder = registered()
    claim = claimed(holder)
    lose(holder)
    workers.recover_jobs(holder.id, crashed=[claim.job_id], suspects=[], max_crashes=1)
    query("UPDATE background_job SET crashes = 2")

    recovery.take_back_crashes(process, [claim])

    assert job_row(claim.job_id, "state", "crashes") == ("dead", 1)


@pytest.fixture
def beating(process: WorkerProcess) -> Heartbeat:
    """The heartbeat of that process, beaten by hand; it has registered."""
    beating = Heartbeat(process)
    beating._beat()
    return beating


@pytest.fixture
def paused(process: WorkerProcess, beating: Heartbeat) -> Held:
    """What the process runs, paused past its lease: it has been declared lost."""
    held = held_by_process(process)
    assert process.in_hand.start(held, lambda: True, timeout_s=0) is True
    lose(process.holder)
    return held


def recovered_blind(held: Held) -> tuple[object, ...]:
    """Another host recovers it and counts a crash; gives what has become of the job."""
    workers.recover_jobs(held.worker_id, crashed=[held.claim.job_id], suspects=[], max_crashes=1)
    return job_row(held.claim.job_id, "state", "crashes")


def ended(process: WorkerProcess, held: Held) -> None:
    """Its actor returns, and its finish is written: a stale one by now."""
    assert finish(held.worker_id, [success(held.claim)], dedupe_s=DEDUPE_S).stale
    process.in_hand.remove([held])


def letters() -> list[tuple[str]]:
    """How the dead letters stand."""
    return [(row[0],) for row in query("SELECT resolution FROM dead_letter")]


def test_poison_of_a_job_recovered_after_its_worker_renewed_is_taken_back_at_a_beat(
    beating: Heartbeat, paused: Held
) -> None:
    beating._beat()
    beating._beat()
    before = recovered_blind(paused)

    beating._beat()

    assert before == ("dead", 1)
    assert job_row(paused.claim.job_id, "state", "crashes") == ("pending", 0)
    assert letters() == [("REQUEUED",)]


def test_poison_of_a_job_that_has_ended_since_is_taken_back_at_the_next_beat(
    process: WorkerProcess, beating: Heartbeat, paused: Held
) -> None:
    beating._beat()
    before = recovered_blind(paused)
    ended(process, paused)

    beating._beat()

    assert before == ("dead", 1)
    assert job_row(paused.claim.job_id, "state", "crashes") == ("pending", 0)
    assert letters() == [("REQUEUED",)]


def test_crash_that_could_not_be_taken_back_at_the_renewal_is_at_the_next_beat(
    beating: Heartbeat, paused: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovered_blind(paused)

    def away(*_: object, **__: object) -> None:
        raise psycopg2.OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(recovery, "requeue_letter", away)
        beating._beat()
    before = letters()
    beating._beat()

    assert before == [("OPEN",)]
    assert job_row(paused.claim.job_id, "state", "crashes") == ("pending", 0)


def test_what_ran_on_is_asked_for_until_its_attempt_is_closed(
    beating: Heartbeat, paused: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(recovery, "take_back_crashes", lambda _, claims: asked.append(len(claims)))
    for _ in range(3):
        beating._beat()
    recovered_blind(paused)

    for _ in range(3):
        beating._beat()

    assert asked == [1, 1, 1, 1]
