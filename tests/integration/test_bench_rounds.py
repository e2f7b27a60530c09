"""Rounds of the benchmarks, as small as they can be: each runs to its end, and the ledger knows every job of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks import latency
from benchmarks.ground import Ground, RoundFailed, value
from benchmarks.peer_rooms import NotInstalled
from benchmarks.pythons import client_of, packages, python_of, with_bare
from benchmarks.report import Report
from benchmarks.throughput import measure, one_round
from benchmarks.workers import Workers
from benchmarks.workloads import WORKLOADS
from scripts.exits import ExitCode, code_for


@pytest.fixture
def ground(ledger_database: str, redis_url: str, tmp_path: Path) -> Ground:
    return Ground(ledger_database, redis_url, tmp_path)


@pytest.fixture(scope="session")
def rooms(request: pytest.FixtureRequest) -> Path:
    """Where bare Dramatiq is installed for the gate: once for a checkout, some ten seconds."""
    assert request.config.cache is not None
    return request.config.cache.mkdir("bench-rooms")


@pytest.fixture
def furnished(ground: Ground, rooms: Path) -> Ground:
    """The ground with bare Dramatiq's own environment."""
    return with_bare(ground, rooms, Report("throughput", 1), quiet)


def quiet(_line: str) -> None:
    """Progress that nobody reads."""


def pinned(client: Mapping[str, str]) -> tuple[str, ...]:
    """What one would install to have these versions as they come."""
    return f"dramatiq[redis]=={client['dramatiq']}", f"redis=={client['redis']}"


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


def test_round_of_bare_dramatiq_costs_no_commit(furnished: Ground) -> None:
    measured = one_round(furnished, WORKLOADS["noop"], "bare", 1, 1_500)

    assert measured.jobs_per_s > 0
    assert abs(measured.commits) < 0.01
    assert measured.round_trips > 0.5
    assert value(furnished.database_url, "SELECT count(*) FROM background_job") == 0


def test_bare_has_our_versions_and_the_parser_that_comes_with_them(furnished: Ground) -> None:
    bare, own = client_of("bare", furnished), client_of("bare-hiredis", furnished)

    assert pinned(bare) == pinned(own) == packages()
    assert bare["parser"] == "python"
    assert own["parser"].startswith("hiredis ")


def test_producer_of_bare_runs_where_ours_is_not_installed(furnished: Ground) -> None:
    python = python_of("bare", furnished)

    said = furnished.run("benchmarks.producer", "bare send", 500, python=python)

    assert python != sys.executable
    assert float(said) > 0


def test_bare_that_cannot_be_installed_ends_the_benchmark_in_one_line(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(NotInstalled, match=r"bare-dramatiq cannot be installed: .*dramatiq.*\(its log: ") as refused:
        measure(ground, rooms=tmp_path / "rooms", workloads=["noop"], processes=[1], rounds=1, count=1, say=quiet)

    assert "\n" not in str(refused.value)
    assert code_for(refused.value) == ExitCode.ERROR


def test_latency_is_measured_for_both_systems(ground: Ground, rooms: Path) -> None:
    report = latency.measure(ground, rooms=rooms, rounds=1, count=3, gap_s=0.05, load_per_s=50, say=quiet)

    by_name = {one.name: one for one in report.results}
    assert set(by_name) == {
        f"{kind} p{rank} {system}"
        for kind in ("idle", "light")
        for rank in (50, 95, 99)
        for system in ("bare", "callboard")
    }
    assert by_name["idle p50 callboard"].ratio_to == "idle p50 bare"
    assert all(one.value > 0 for one in report.results)
    assert report.versions["bare: parser"] == "python"
    assert "parser python; our own environment" in report.notes[0]


def test_worker_that_cannot_start_ends_the_round_with_its_words(ground: Ground) -> None:
    with pytest.raises(RoundFailed, match="CALLBOARD_LEASE_SECONDS"):
        Workers("callboard", ground, processes=1, threads=2, settings={"CALLBOARD_LEASE_SECONDS": "soon"})
