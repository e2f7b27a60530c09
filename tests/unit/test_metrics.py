"""Metrics are those of the contract, bounded in labels, and cost a job nothing when they fail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from middleware import metric_series, metrics, metrics_fork, multiprocess
from middleware.admission import Admission
from middleware.gauge_readings import GAUGES, GaugeReadings, LedgerCollector
from middleware.metric_series import Series, counter
from middleware.metrics_fork import Metrics

ROOT: Final = Path(__file__).parents[2]

#: What the outside relies on: name to labels.
CONTRACT: Final = {
    "jobs_dispatched_total": ("actor", "source"),
    "jobs_duplicate_total": ("actor",),
    "copies_refused_total": ("actor", "outcome"),
    "attempts_total": ("actor", "queue", "outcome"),
    "jobs_finished_total": ("actor", "state"),
    "jobs_finished_by_client_total": ("client", "state"),
    "verdicts_total": ("actor", "verdict", "rule"),
    "attempt_duration_seconds": ("actor", "queue"),
    "queue_wait_seconds": ("actor", "queue"),
    "jobs_in_progress": ("actor", "queue"),
    "dead_letters_total": ("actor", "reason"),
    "dead_letters_open": ("reason",),
    "dead_letter_oldest_age_seconds": (),
    "effects_total": ("kind", "state"),
    "guardrail_refusals_total": ("reason",),
    "stale_writes_rejected_total": ("actor",),
    "lost_attempts_total": ("actor",),
    "recovery_seconds": (),
    "dispatch_windows_total": ("status",),
    "dispatch_windows_missing": (),
    "queue_depth": ("queue",),
    "queue_oldest_age_seconds": ("queue",),
    "ledger_seconds": ("operation",),
    "ledger_batch_size": ("operation",),
    "hook_failures_total": ("hook",),
    "workers_alive": (),
}
#: What stands beside that: name to labels.
ADDED: Final = {
    "workers_lost_total": (),
    "relay_failures_total": ("step",),
    "reply_lateness_seconds": (),
    "log_lines_lost_total": (),
    "dispatch_windows_recent": ("status",),
    "dispatch_windows_without_outcome": (),
    "effects_unknown": (),
    "effects_duplicated": (),
    "jobs_finished_rows": (),
    "ledger_readable": (),
    "redis_readable": (),
}


class Tally:
    """Stands in for a prometheus child."""

    def __init__(self) -> None:
        self.total = 0.0

    def inc(self, amount: float = 1) -> None:
        self.total += amount


def made() -> dict[str, tuple[str, ...]]:
    """Every metric there is, with its labels."""
    counted = {series.name: series.labels for series in metrics.COUNTED}
    read = {f"callboard_{name}": (label,) if label else () for name, label, _ in GAUGES}
    return {name.removeprefix("callboard_"): labels for name, labels in {**counted, **read}.items()}


def test_metrics_are_those_of_the_contract() -> None:
    assert made() == CONTRACT | ADDED


def test_every_metric_is_documented_with_its_labels() -> None:
    rows = re.findall(
        r"^\| `callboard_(\w+)` \| \w+ \| ([^|]*) \|",
        (ROOT / "docs/metrics.md").read_text("utf-8"),
        re.MULTILINE,
    )

    documented = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}

    assert documented == {**CONTRACT, **ADDED, metrics.READING_SECONDS: ()}


def test_every_gauge_read_at_the_scrape_has_its_reading() -> None:
    readings = GaugeReadings()

    missing = [name for name, _, _ in GAUGES if not hasattr(readings, name)]

    assert missing == []


def test_endpoint_comes_along_as_a_fork_that_can_be_imported() -> None:
    (fork,) = Metrics().forks

    assert getattr(metrics_fork, fork.__name__) is fork
    assert fork.__module__ == "middleware.metrics_fork"


def labels_of(series: Series[metric_series.Counts], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The label values for which children are made from now on."""
    asked: list[tuple[str, ...]] = []

    def labelled(values: tuple[str, ...]) -> Tally:
        asked.append(values)
        return Tally()

    monkeypatch.setattr(series, "_labelled", labelled)
    return asked


def test_label_values_are_lower_case_and_never_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    series = counter("seen", "A test's.", "actor", "outcome")
    asked = labels_of(series, monkeypatch)

    series["Act", "FAILED"].inc()
    series[None, "a\ud800"].inc()

    assert asked == [("act", "failed"), ("none", "a?")]


def test_one_child_counts_for_all_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    series = counter("seen", "A test's.", "actor")
    asked = labels_of(series, monkeypatch)

    same = series[("Act",)] is series[("act",)]

    assert same
    assert asked == [("act",)]


def test_series_past_the_bound_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    series = counter("seen", "A test's.", "actor", "queue")
    asked = labels_of(series, monkeypatch)
    monkeypatch.setattr(metric_series, "MOST_SERIES", 3)

    for number in range(10):
        series[f"a{number}", "q"].inc()

    assert [*asked[:3], *set(asked[3:])] == [("a0", "q"), ("a1", "q"), ("a2", "q"), ("other", "other")]
    assert len(series) == 3


def test_first_values_of_a_host_are_admitted_and_later_ones_are_not(tmp_path: Path) -> None:
    file = tmp_path / "client.admitted"
    here, there = Admission(2), Admission(2)

    answers = [
        here.admits("a", file),
        there.admits("b", file),
        here.admits("c", file),
        there.admits("a", file),
    ]

    assert answers == [True, True, False, True]
    assert file.read_text() == '"a"\n"b"\n'


def test_value_admitted_with_a_line_end_in_it_stays_one(tmp_path: Path) -> None:
    file = tmp_path / "client.admitted"

    Admission(9).admits("a\nb", file)

    assert Admission(1).admits("a\nb", file)
    assert not Admission(1).admits("a", file)


def samples(collector: LedgerCollector) -> dict[str, float]:
    """Values by name and labels; how long it took is another test's."""
    return {
        sample.name.removeprefix("callboard_") + "".join(sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
        if not sample.name.endswith(metrics.READING_SECONDS)
    }


def test_readings_become_gauges_and_unknown_ones_are_left_out() -> None:
    readings = GaugeReadings(dead_letters_open={"POISON": 2}, workers_alive=3, queue_depth={"mail": 0})

    shown = samples(LedgerCollector(lambda: readings))

    assert shown == {
        "ledger_readable": 1,
        "redis_readable": 1,
        "dead_letters_openpoison": 2,
        "queue_depthmail": 0,
        "workers_alive": 3,
    }


def test_ledger_that_cannot_be_read_is_said_and_spoils_nothing() -> None:
    def fail() -> GaugeReadings:
        raise ConnectionError("away")

    shown = samples(LedgerCollector(fail))

    assert shown == {"ledger_readable": 0, "redis_readable": 0}


def test_how_long_the_readings_took_is_shown() -> None:
    families = {family.name: family for family in LedgerCollector(GaugeReadings).collect()}

    (took,) = families[f"callboard_{metrics.READING_SECONDS}"].samples

    assert 0 <= took.value < 60


@pytest.mark.parametrize(
    "hostile",
    ["a\nb", "a\rb", "a\x00b", "a\x1b[2Jb", "a\u2028b", "a\u202eb", "a\u2066b", "a\x85b", "a\u00a0b"],
    ids=ascii,
)
def test_label_value_is_one_line_read_in_one_direction(hostile: str) -> None:
    shown = metric_series.label_value(hostile)

    assert shown.isprintable()
    assert len(shown.splitlines()) == 1
    assert shown[0] == "a"
    assert shown[-1] == "b"


def test_value_once_the_list_is_full_costs_no_look_at_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series = counter("seen", "A test's.", metric_series.Label("client", 2))
    asked = labels_of(series, monkeypatch)
    monkeypatch.setattr(multiprocess, "ensure_folder", lambda: tmp_path)
    for client in ("a", "b"):
        series[(client,)].inc()
    monkeypatch.setattr(multiprocess, "ensure_folder", lambda: pytest.fail("the disk was asked"))

    for number in range(10_000):
        series[(f"c{number}",)].inc()

    assert asked == [("a",), ("b",), ("other",)]
    assert len(series) <= metric_series.MOST_SERIES
