"""Adds up the files of many processes, key by key before anything is taken apart: half of a scrape was spent on that.

It must not know which metrics there are. Counters and histograms only; other types are rare and the library's own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import Metric, mmap_dict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample

from middleware.exemplars import bound_text

_ValuesFile: Any = mmap_dict.MmapedDict
_ADDED_HERE = ("counter", "histogram")
#: Keys remembered taken apart: some thousand series are a large page.
_KEYS = 20_000


class _Key(NamedTuple):
    """A key of a values file. `labels` without `le`, in order of name; `bound` is a bucket's, as a number."""

    metric: str
    sample: str
    labels: tuple[tuple[str, str], ...]
    bound: float | None
    help: str


def added_up(files: Iterable[str]) -> list[Metric]:
    """All metrics of these files. Raises ValueError, RuntimeError or struct.error for a file that is torn."""
    sums: dict[str, dict[str, float]] = {kind: {} for kind in _ADDED_HERE}
    others = []
    for file in files:
        total = sums.get(Path(file).name.partition("_")[0])
        if total is None:
            others.append(file)
            continue
        for key, value, _, _ in _ValuesFile.read_all_values_from_file(file):
            total[key] = total.get(key, 0.0) + value
    merged = list(MultiProcessCollector.merge(others)) if others else []  # type: ignore[no-untyped-call]
    return [*_counters(sums["counter"]), *_histograms(sums["histogram"]), *merged]


def _counters(sums: dict[str, float]) -> Iterator[Metric]:
    metrics: dict[str, Metric] = {}
    for text, value in sums.items():
        key = _taken_apart(text)
        metric = metrics.get(key.metric)
        if metric is None:
            metric = metrics[key.metric] = Metric(key.metric, key.help, "counter")
        metric.samples.append(Sample(key.sample, dict(key.labels), value))
    yield from metrics.values()


def _histograms(sums: dict[str, float]) -> Iterator[Metric]:
    metrics: dict[str, Metric] = {}
    buckets: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, float]]] = defaultdict(list)
    for text, value in sums.items():
        key = _taken_apart(text)
        metric = metrics.get(key.metric)
        if metric is None:
            metric = metrics[key.metric] = Metric(key.metric, key.help, "histogram")
        if key.bound is None:
            metric.samples.append(Sample(key.sample, dict(key.labels), value))
        else:
            buckets[key.metric, key.labels].append((key.bound, value))
    for (name, labels), found in buckets.items():
        metrics[name].samples += _cumulated(name, dict(labels), sorted(found))
    yield from metrics.values()


def _cumulated(name: str, labels: dict[str, str], buckets: list[tuple[float, float]]) -> Iterator[Sample]:
    """Buckets as Prometheus has them, each with all below it; the last one is the count."""
    total = 0.0
    for bound, value in buckets:
        total += value
        yield Sample(f"{name}_bucket", {**labels, "le": bound_text(bound)}, total)
    yield Sample(f"{name}_count", labels, total)


@lru_cache(maxsize=_KEYS)
def _taken_apart(text: str) -> _Key:
    metric, sample, labels, meaning = json.loads(text)
    bound = labels.pop("le", None) if sample == f"{metric}_bucket" else None
    return _Key(metric, sample, tuple(sorted(labels.items())), None if bound is None else float(bound), meaning)
