"""Rounds of the benchmarks, as small as they can be: each runs to its end, and the ledger knows every job of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import latency
from benchmarks.ground import Ground, RoundFailed, value
from benchmarks.throughput import one_round
from benchmarks.workers import Workers
from benchmarks.workloads import WORKLOADS


@pytest.fixture
def ground(ledger_database: str, redis_url: str, tmp_path: Path) -> Ground:
    return Ground(ledger_database, redis_url, tmp_path)


@pytest.mark.parametrize(
    ("workload", "succeeded", "dead"),
    [
        pytest.param("dispatch", 1_500, 0, id="dispatched, past the bound of the ready list"),
        pytest.param("failing", 1_350, 150, id="every tenth fails twice and dies"),
        pytest.param("duplicates", 1_350, 0, id="every tenth repeats a key"),
    ],
)
def test_round_of_ours_ends_with_every_job_in_the_ledger(
    ground: Ground, workload: str, succeeded: int, dead: int
) -> None:
    measured = one_round(ground, WORKLOADS[workload], "callboard", 1, 1_500)

    assert measured.jobs_per_s > 0
    assert 0 < measured.commits < 1
    assert 0 < measured.round_trips < 1
    assert measured.memory_mib > 10
    states = "SELECT count(*) FROM background_job WHERE state = %s"
    assert value(ground.database_url, states, "succeeded") == succeeded
    assert value(ground.database_url, states, "dead") == dead


def test_round_of_bare_dramatiq_costs_no_commit(ground: Ground) -> None:
    measured = one_round(ground, WORKLOADS["noop"], "bare", 1, 1_500)

    assert measured.jobs_per_s > 0
    assert abs(measured.commits) < 0.01
    assert measured.round_trips > 0.5
    assert value(ground.database_url, "SELECT count(*) FROM background_job") == 0


def test_latency_is_measured_for_both_systems(ground: Ground) -> None:
    report = latency.measure(ground, rounds=1, count=3, gap_s=0.05, load_per_s=50, say=lambda _: None)

    by_name = {one.name: one for one in report.results}
    assert set(by_name) == {
        f"{kind} p{rank} {system}"
        for kind in ("idle", "light")
        for rank in (50, 95, 99)
        for system in ("bare", "callboard")
    }
    assert by_name["idle p50 callboard"].ratio_to == "idle p50 bare"
    assert all(one.value > 0 for one in report.results)


def test_worker_that_cannot_start_ends_the_round_with_its_words(ground: Ground) -> None:
    with pytest.raises(RoundFailed, match="CALLBOARD_LEASE_SECONDS"):
        Workers("callboard", ground, processes=1, threads=2, settings={"CALLBOARD_LEASE_SECONDS": "soon"})
