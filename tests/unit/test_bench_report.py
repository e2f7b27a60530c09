"""What a benchmark says of its rounds: medians, ratios, JSON, table and picture; and how a rate is taken."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from benchmarks import chaos, chart, faults, ground, poison, recovery, table, throughput
from benchmarks.ground import RoundFailed
from benchmarks.latency import percentile
from benchmarks.meters import steady_rate
from benchmarks.peer_list import PEERS
from benchmarks.peer_plays import counting
from benchmarks.report import Report, Result, compared, encoded
from benchmarks.workloads import WORKLOADS, repeated_key
from scripts import bench
from scripts.main import main
from tests.unit.source_tree import ROOT


class Unwatched:
    """A worker that never ends."""

    def check(self) -> None:
        """It runs."""


class Ended:
    """A worker that has ended."""

    def check(self) -> None:
        raise RoundFailed("it ended with 1")


def reported(*results: Result) -> Report:
    return Report("throughput", 3, list(results), {"redis server": "Valkey 9"}, ["noop: nothing"])


def test_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    rounds = {"bare": [100.0, 1_000.0, 100.0], "ours": [300.0, 1_000.0, 200.0]}

    bare, ours = compared(rounds, "jobs/s", ratio_to="bare")

    assert bare == Result("bare", 100.0, "jobs/s", None, None, 100.0, 1_000.0)
    assert ours == Result("ours", 300.0, "jobs/s", "bare", 2.0, 200.0, 1_000.0)


def test_result_beside_a_peer_of_zero_has_no_ratio() -> None:
    rounds = {"bare": [0.0], "ours": [0.05]}

    _, ours = compared(rounds, "commits/job", ratio_to="bare")

    assert (ours.ratio_to, ours.ratio) == (None, None)


def test_json_has_what_the_contract_names() -> None:
    report = reported(Result("ours", 300.0, "jobs/s", "bare", 2.0, 200.0, 400.0))

    said = json.loads(encoded(report))

    assert set(said) >= {"machine", "versions", "rounds", "results"}
    assert said["results"] == [
        {
            "name": "ours",
            "value": 300.0,
            "unit": "jobs/s",
            "ratio_to": "bare",
            "ratio": 2.0,
            "low": 200.0,
            "high": 400.0,
        }
    ]
    assert said["versions"]["redis server"] == "Valkey 9"


@pytest.mark.parametrize("kind", ["throughput", "chaos", "faults", "recovery", "poison"])
def test_last_line_of_a_bench_command_is_the_whole_object(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measured = reported(Result("ours", 300.0, "jobs/s", "bare", 2.0, 200.0, 400.0))
    monkeypatch.setattr(ground, "prepared", lambda keep: nullcontext())
    monkeypatch.setattr(throughput, "measure", lambda *_, **__: measured)
    monkeypatch.setattr(faults, "measure", lambda *_, **__: [])
    for module in (chaos, recovery, poison):
        monkeypatch.setattr(module, "run", lambda **_: SimpleNamespace(clean=True, holds=True))
        monkeypatch.setattr(module, "report", lambda _: {"rounds": 1} if kind == "chaos" else measured)
    to_files = ["--out", str(tmp_path)] if kind == "throughput" else []

    code = main(["bench", kind, "--json", *to_files])

    said = capsys.readouterr().out
    assert code == 0
    assert said.endswith("}\n")
    assert "rounds" in json.loads(said.splitlines()[-1]) or kind == "faults"
    assert all(len(file.read_text(encoding="utf-8").splitlines()) > 1 for file in tmp_path.glob("*.json"))


def test_table_is_made_from_the_json_alone(tmp_path: Path) -> None:
    file = tmp_path / "throughput.json"
    report = reported(Result("ours", 1_234.5, "jobs/s", "bare", 2.0, 200.0, 4_000.0))
    file.write_text(encoded(report), encoding="utf-8")

    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.table", file], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert "### throughput" in said
    assert "| ours | 1,234 | 200 – 4,000 | jobs/s | 2.00 of bare |" in said  # noqa: RUF001
    assert "- noop: nothing" in said


@pytest.mark.parametrize(
    ("value", "text"), [(12_345.6, "12,346"), (45.67, "45.7"), (0.0412, "0.0412"), (0.0, "0")], ids=str
)
def test_numbers_keep_the_digits_they_can_bear(value: float, text: str) -> None:
    said = table.shown(value)

    assert said == text


def test_picture_is_an_image_with_a_bar_for_each_result() -> None:
    report = reported(
        Result("bare <x>", 100.0, "jobs/s", None, None, 90.0, 110.0),
        Result("callboard", 300.0, "jobs/s", "bare <x>", 3.0, 200.0, 400.0),
        Result("callboard memory", 0.0, "MiB", None, None, 0.0, 0.0),
    )

    picture = ElementTree.fromstring(chart.svg(report))

    bars = picture.findall("{http://www.w3.org/2000/svg}rect")[1:]
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.01)
    assert widths[2] == 0
    assert "bare <x>" in [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]


def clocked(monkeypatch: pytest.MonkeyPatch, looks: Iterator[float]) -> None:
    """A clock that gives the next of these at each look, and no waiting."""
    monkeypatch.setattr(time, "monotonic", lambda: next(looks))
    monkeypatch.setattr(time, "sleep", lambda _: None)


def test_rate_is_taken_between_the_first_fifth_and_the_last_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch, iter([0.0, 10.0, 11.0, 12.0, 20.0]))
    done = iter([100, 250, 900, 1_000])

    rate = steady_rate(lambda: next(done), 1_000, Unwatched(), patience_s=0.02)

    assert rate == pytest.approx(650 / 1.0)


def test_round_that_is_over_at_one_look_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch, iter([0.0, 1.0]))

    with pytest.raises(RoundFailed, match="larger --count"):
        steady_rate(lambda: 1_000, 1_000, Unwatched(), patience_s=0.02)


def test_round_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch, iter([0.0, 1.0, 30.0, 62.0]))

    with pytest.raises(RoundFailed, match="500 of 1000"):
        steady_rate(lambda: 500, 1_000, Unwatched(), patience_s=0.02)


def test_worker_that_has_ended_ends_the_round() -> None:
    with pytest.raises(RoundFailed, match="ended with 1"):
        steady_rate(lambda: 500, 1_000, Ended(), patience_s=0.02)


@pytest.mark.parametrize(("rank", "value"), [(50, 50.0), (95, 95.0), (99, 99.0), (1, 1.0)])
def test_percentile_is_the_nearest_rank(rank: int, value: float) -> None:
    values = [float(number) for number in range(100, 0, -1)]

    found = percentile(values, rank)

    assert found == value


def test_every_tenth_duplicate_repeats_the_key_of_an_earlier_job() -> None:
    keys = [repeated_key(number)["dispatch_key"] for number in range(1_000)]

    repeats = [number for number, key in enumerate(keys) if key in keys[:number]]

    assert repeats == [number for number in range(1_000) if number % 10 == 9]


def test_executions_of_several_processes_are_added_up(tmp_path: Path) -> None:
    script = "from benchmarks.peer_plays.counting import count_one\nfor _ in range(7): count_one()"

    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env={"BENCH_COUNTS": str(tmp_path), "PYTHONPATH": "."}, check=True
        )

    assert counting.counted(tmp_path) == 14


def test_command_line_offers_every_workload_and_peer() -> None:
    measured = set(WORKLOADS) - {"counted"}

    assert set(bench._WORKLOADS) == measured
    assert set(bench._PEERS) == set(PEERS)


@pytest.mark.parametrize(("text", "rows"), [("0", 0), ("250k", 250_000), ("5m", 5_000_000)])
def test_rows_are_read_with_their_factor(text: str, rows: int) -> None:
    found = bench._size(text)

    assert found == rows


def test_module_of_every_peer_is_there() -> None:
    missing = [one.name for one in PEERS.values() if not (ROOT / f"benchmarks/peer_plays/{one.module}.py").is_file()]

    assert missing == []
