"""A full process lets room gather before it fetches; a stale finish kills no job that is not dead."""

from __future__ import annotations

from pathlib import Path

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import finish_report
from middleware.consumer import LedgerConsumer
from middleware.worker_process import WorkerProcess
from models.ledger.finish import Finish
from policy.settings import Settings
from tests.unit.test_in_hand import held

THREADS = 4


@pytest.fixture
def process(tmp_path: Path) -> WorkerProcess:
    """A worker process of short jobs, whose prefetch is the largest."""
    process = WorkerProcess(StubBroker(middleware=[]), Settings(), queues=(), threads=THREADS, slots_folder=tmp_path)
    for _ in range(200):
        process.took(0.001)
    return process


@pytest.mark.parametrize(
    ("waiting", "room", "worth"),
    [
        pytest.param(0, 1, True, id="nobody has work"),
        pytest.param(2 * THREADS - 1, 1, True, id="threads will soon be idle"),
        pytest.param(2 * THREADS, 1, False, id="work enough, a handful of room"),
        pytest.param(100, 128, True, id="half a lot of room"),
    ],
)
def test_handful_is_fetched_only_when_work_runs_out(
    process: WorkerProcess, waiting: int, room: int, worth: bool
) -> None:
    process.in_hand.add([held() for _ in range(waiting)])

    # The judgement asks nothing of the consumer itself, which could not be made without Redis.
    assert LedgerConsumer._is_worth_a_fetch(object.__new__(LedgerConsumer), process, room) is worth


def test_queue_of_long_jobs_never_waits_for_room_to_gather(process: WorkerProcess) -> None:
    for _ in range(200):
        process.took(60.0)
    process.in_hand.add([held() for _ in range(2 * THREADS)])

    assert LedgerConsumer._is_worth_a_fetch(object.__new__(LedgerConsumer), process, THREADS)


@pytest.mark.parametrize(("stale", "dead"), [(False, True), (True, False)], ids=["live", "stale"])
def test_only_a_live_finish_makes_a_dead_letter_entry_of_its_copy(stale: bool, dead: bool) -> None:
    one = held()

    settled = finish_report.settled(one, Finish(one.claim, "FAILED", "dead"), stale=stale)

    assert settled.dead is dead
