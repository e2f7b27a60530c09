"""What a process that ends for a dead thread leaves behind: the job of that thread, as if the process had crashed."""

from __future__ import annotations

from pathlib import Path

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware.started_slots import read_started
from middleware.worker_process import WorkerProcess
from models.ledger import workers
from policy.settings import Settings
from tests.ledger_cases import claimed

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process(tmp_path: Path) -> WorkerProcess:
    """A registered worker process."""
    process = WorkerProcess(StubBroker(middleware=[]), Settings(), queues=(), threads=1, slots_folder=tmp_path)
    workers.register(process.holder, ["default"], 1)
    return process


@pytest.mark.parametrize("thread_died", [True, False])
def test_started_job_stays_on_record_only_when_its_thread_may_have_died_of_it(
    thread_died: bool, process: WorkerProcess, tmp_path: Path
) -> None:
    claim = claimed(process.holder)
    process.slots.write(claim.job_id, claim.fence)

    process.thread_died = thread_died
    process.say_stopped()

    assert read_started(tmp_path, process.holder.id) == ({claim.job_id: claim.fence} if thread_died else {})
