"""A job that died as poison for the loss of a worker that had only been paused is revived when that worker reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import recovery
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger import workers
from policy.settings import Settings
from tests.ledger_cases import claimed, job_row, lose, registered

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
