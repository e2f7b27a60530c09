"""A full process lets room gather before it fetches; a stale finish kills no job that is not dead."""

from __future__ import annotations

from pathlib import Path

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import finish_report
from middleware.consumer import LedgerConsumer
from middleware.worker_process import LARGEST_PREFETCH, WorkerProcess
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


@pytest.mark.parametrize("size_bytes", [100_000, 3_000_000])
def test_large_copies_are_held_and_claimed_in_small_numbers(process: WorkerProcess, size_bytes: int) -> None:
    process.fetched([300] * 50)
    process.fetched([size_bytes] * 4)

    assert process.prefetch() == max(THREADS, 8 * 1024 * 1024 // size_bytes)
    assert process.largest_claim() == max(1, 1024 * 1024 // size_bytes)


def test_small_copies_are_soon_taken_by_hundreds_again(process: WorkerProcess) -> None:
    process.fetched([100_000])
    for _ in range(10):
        process.fetched([300] * 10)

    assert process.prefetch() == LARGEST_PREFETCH
    assert process.largest_claim() >= 1000


def test_copies_without_bodies_are_taken_for_small_ones_however_many_come(process: WorkerProcess) -> None:
    for _ in range(1_200):
        process.fetched([0])

    assert process.prefetch() == LARGEST_PREFETCH
    assert process.largest_claim() >= 1000


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
