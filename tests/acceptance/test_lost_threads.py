"""A worker thread that dies ends its process, as a supervisor expects; the next process does the work."""

from __future__ import annotations

from types import ModuleType

import pytest

from actors.dispatch import dispatch
from tests.acceptance.stage import Stage


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("mishaps")


def test_process_ends_when_a_worker_thread_dies_and_its_successor_works(stage: Stage, play: ModuleType) -> None:
    workers = stage.start("mishaps", threads=2)
    job = dispatch(play.lose_thread, "a")
    stage.await_end(job.job_id)

    workers.wait(within_s=20)
    died = workers.lines("threads_missing")
    successor = stage.start("mishaps", threads=2)
    after = dispatch(play.good, 1)
    stage.await_end(after.job_id)

    assert [line["threads"] for line in died] == [["WorkerThread"]]
    assert stage.job(job.job_id, "state, attempts") == ("succeeded", 1)
    assert stage.value("SELECT count(*) FROM worker WHERE stopped_at IS NOT NULL") == 1, "it stopped in good order"
    successor.kill()
