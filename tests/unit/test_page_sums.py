"""Files added up by us and by the library give the same page."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric, mmap_dict
from prometheus_client.exposition import generate_latest
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from middleware import page_sums


class Given:
    """A collector of metrics that are there."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def page(metrics: list[Metric]) -> list[str]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Given(metrics))
    return sorted(generate_latest(registry).decode().splitlines())


def write(path: Path, *rows: tuple[str, str, dict[str, str], float]) -> str:
    file = mmap_dict.MmapedDict(str(path))  # type: ignore[no-untyped-call]
    for metric, sample, labels, value in rows:
        key = mmap_key(metric, sample, list(labels), list(labels.values()), "Help.")
        file.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    file.close()  # type: ignore[no-untyped-call]
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two processes that counted in part the same, with an application's own gauges and summaries among it."""
    bounds = {"0.5": 3.0, "10.0": 1.0, "+Inf": 2.0}
    buckets = [("took", "took_bucket", {"actor": "a", "le": bound}, n) for bound, n in bounds.items()]
    return [
        write(
            tmp_path / "counter_1-1.db",
            ("seen", "seen_total", {"b": "x", "a": 'q"uote'}, 1),
            ("seen", "seen_total", {"b": "y", "a": ""}, 2),
            ("le", "le_total", {"le": "not a bound"}, 4),
        ),
        write(tmp_path / "counter_2-1.db", ("seen", "seen_total", {"b": "x", "a": 'q"uote'}, 5)),
        write(tmp_path / "histogram_1-1.db", *buckets, ("took", "took_sum", {"actor": "a"}, 9.5)),
        write(tmp_path / "histogram_2-1.db", *reversed(buckets), ("took", "took_sum", {"actor": "a"}, 0.5)),
        write(tmp_path / "gauge_livesum_1-1.db", ("now", "now", {}, 2)),
        write(tmp_path / "gauge_max_2-1.db", ("most", "most", {}, 3)),
        write(tmp_path / "summary_2-1.db", ("sum", "sum_count", {}, 3), ("sum", "sum_sum", {}, 7)),
    ]


def test_page_is_the_one_that_the_library_makes(files: list[str]) -> None:
    theirs = list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]

    ours = page_sums.added_up(files)

    assert page(ours) == page(theirs)
    assert len(page(ours)) > 15


def test_no_files_are_no_metrics() -> None:
    assert page_sums.added_up([]) == []
