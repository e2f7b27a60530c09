"""Metrics that many processes add up, looked up by label values at the price of a dictionary.

It must not know what is counted. Nothing is made before the first count; a folder that cannot be written
costs the numbers, never the job (`multiprocess`).
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter as BucketCounts
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, TypeVar, cast

from prometheus_client import Counter, Gauge, Histogram, Metric

from middleware import exemplars, multiprocess
from middleware.admission import Admission

multiprocess.install()

PREFIX = "callboard_"
#: Label value of everything past a bound.
OTHER = "other"
#: Label value of an absent client, source or queue.
NONE = "none"
#: Series of one metric in one process; past it all labels are `other`. Only a fault gets there.
MOST_SERIES = 2000
#: Characters of a label value.
LONGEST_VALUE = 120


@dataclass(frozen=True, slots=True)
class Label:
    """A label whose values come from outside: the first `limit` on this host stay, later ones are `other`."""

    name: str
    limit: int


class Counts(Protocol):
    """What only grows."""

    def inc(self, amount: float = 1) -> None: ...


class Moves(Protocol):
    """What goes up and down."""

    def set(self, value: float) -> None: ...


class Observes(Protocol):
    """What is spread over buckets."""

    def observe_many(self, amounts: Sequence[float]) -> None: ...

    def exemplify(self, amount: float, run_key: str) -> None: ...


class BatchHistogram(Histogram):
    """A histogram that takes a batch of observations at the price of a few: one addition a bucket that was met."""

    def observe_many(self, amounts: Sequence[float]) -> None:
        """Count each of `amounts`, as `observe` does one by one."""
        self._sum.inc(sum(amounts))
        met = BucketCounts(bisect_left(self._upper_bounds, amount) for amount in amounts)
        for bucket, times in met.items():
            self._buckets[bucket].inc(times)

    def exemplify(self, amount: float, run_key: str) -> None:
        """Name the attempt that `amount` was measured in, beside the bucket that it fell into."""
        bound = self._upper_bounds[bisect_left(self._upper_bounds, amount)]
        named_s: dict[float, float] = self.__dict__.setdefault("_named_s", {})
        now_s = time.monotonic()
        if now_s - named_s.get(bound, -exemplars.STAYS_S) < exemplars.STAYS_S:
            return
        named_s[bound] = now_s
        labels = tuple(sorted(zip(self._labelnames, self._labelvalues, strict=True)))
        exemplars.OURS.note((self._name, labels, exemplars.bound_text(bound)), amount, run_key)


Child = TypeVar("Child", Counts, Moves, Observes)


class Series(dict[tuple[str | None, ...], Child]):
    """One metric: label values, as callers have them, to the child that counts them."""

    def __init__(
        self,
        family: Metric,
        labels: tuple[str | Label, ...],
        make: Callable[[list[str]], Counter | Gauge | Histogram],
    ) -> None:
        super().__init__()
        #: Name, meaning and type as a page declares them, without samples.
        self.family = family
        self.name = f"{family.name}_total" if family.type == "counter" else family.name
        self.labels = tuple(label if isinstance(label, str) else label.name for label in labels)
        self._make = make
        self._metric: Counter | Gauge | Histogram | None = None
        self._children: dict[tuple[str, ...], Child] = {}
        self._bounds = [None if isinstance(label, str) else Admission(label.limit) for label in labels]

    def __missing__(self, key: tuple[str | None, ...]) -> Child:
        child = self._child(key)
        if len(self) < MOST_SERIES:
            self[key] = child
        return child

    def _child(self, key: tuple[str | None, ...]) -> Child:
        values = tuple(self._bounded(label_value(raw), position) for position, raw in enumerate(key))
        if len(self._children) >= MOST_SERIES and values not in self._children:
            values = (OTHER,) * len(values)
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._labelled(values)
        return child

    def _bounded(self, value: str, position: int) -> str:
        bound = self._bounds[position]
        if bound is None or value == NONE or bound.knows(value):
            return value
        if bound.full:
            return OTHER  # told by memory alone: ten thousand clients must not cost a look at the disk each
        try:
            file = multiprocess.ensure_folder() / f"{self.labels[position]}.admitted"
            return value if bound.admits(value, file) else OTHER
        except OSError:
            return OTHER

    def _labelled(self, values: tuple[str, ...]) -> Child:
        with _making:
            if self._metric is None:
                self._metric = self._make(list(self.labels))
        return cast(Child, self._metric.labels(*values) if values else self._metric)


#: Two threads that count first at the same moment must not make the metric twice.
_making = Lock()


def counter(name: str, meaning: str, *labels: str | Label) -> Series[Counts]:
    """A counter `callboard_<name>_total`."""
    return Series(
        Metric(PREFIX + name, meaning, "counter"),
        labels,
        lambda names: Counter(PREFIX + name, meaning, names, registry=None),
    )


def gauge(name: str, meaning: str, *labels: str | Label) -> Series[Moves]:
    """A gauge `callboard_<name>`, the sum over living processes."""
    return Series(
        Metric(PREFIX + name, meaning, "gauge"),
        labels,
        lambda names: Gauge(PREFIX + name, meaning, names, registry=None, multiprocess_mode="livesum"),
    )


def histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str | Label) -> Series[Observes]:
    """A histogram `callboard_<name>`."""
    return Series(
        Metric(PREFIX + name, meaning, "histogram"),
        labels,
        lambda names: BatchHistogram(PREFIX + name, meaning, names, registry=None, buckets=buckets),
    )


def label_value(raw: object) -> str:
    """Lower case, capped, one line, readable in one direction, and in valid UTF-8: a lone surrogate spoils the page."""
    if raw is None or raw == "":
        return NONE
    text = str(raw).lower()[:LONGEST_VALUE].encode("utf-8", "replace").decode("utf-8")
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    """Controls, separators of lines and marks that turn the direction (categories C and Z but the space) as `?`."""
    return character if character.isprintable() else "?"
