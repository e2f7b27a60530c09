"""Gauges that are read at the scrape instead of counted: what the ledger and Redis say now.

It must not know how they are read: it is given a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from middleware import logs
from middleware.metric_series import PREFIX


@dataclass(frozen=True, slots=True)
class GaugeReadings:
    """One look at the ledger. None means not known just now: the gauge is left out, not shown as 0."""

    #: Open dead letters by reason.
    dead_letters_open: Mapping[str, int] = field(default_factory=dict)
    dead_letter_oldest_age_seconds: float | None = None
    #: Ready copies in Redis by queue.
    queue_depth: Mapping[str, int] = field(default_factory=dict)
    #: Seconds since the oldest due and unclaimed job of a queue fell due.
    queue_oldest_age_seconds: Mapping[str, float] = field(default_factory=dict)
    workers_alive: int | None = None
    #: Windows since the first that have no row.
    dispatch_windows_missing: int | None = None


#: (metric, label or None, meaning): each is the attribute of the same name of `GaugeReadings`.
GAUGES: tuple[tuple[str, str | None, str], ...] = (
    ("dead_letters_open", "reason", "Dead letters nobody has resolved."),
    ("dead_letter_oldest_age_seconds", None, "Age of the oldest open dead letter."),
    ("queue_depth", "queue", "Ready copies in Redis."),
    ("queue_oldest_age_seconds", "queue", "Age of the oldest due job not yet claimed."),
    ("workers_alive", None, "Workers that beat and are not declared lost."),
    ("dispatch_windows_missing", None, "Dispatch windows without a row."),
)
READABLE = "ledger_readable"


class LedgerCollector:
    """Reads at each scrape; when the reading fails the page says so and shows the rest."""

    def __init__(self, read: Callable[[], GaugeReadings]) -> None:
        self._read = read
        self._failing = False

    def collect(self) -> Iterable[Metric]:
        readings = self._readings()
        readable = GaugeMetricFamily(PREFIX + READABLE, "1 if the ledger's gauges could be read at this scrape.")
        readable.add_metric([], 0 if readings is None else 1)
        yield readable
        if readings is not None:
            for name, label, meaning in GAUGES:
                yield _family(name, label, meaning, getattr(readings, name))

    def _readings(self) -> GaugeReadings | None:
        # The edge of the scrape: the page must come whatever the database says; one line when that changes.
        try:
            readings = self._read()
        except Exception as error:
            if not self._failing:
                logs.event("gauges_unreadable", "WARNING", error=error)
            self._failing = True
            return None
        self._failing = False
        return readings


def _family(
    name: str, label: str | None, meaning: str, reading: float | Mapping[str, float] | None
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, meaning, labels=[label] if label else [])
    if isinstance(reading, Mapping):
        for value, number in reading.items():
            family.add_metric([str(value).lower()], number)
    elif reading is not None:
        family.add_metric([], reading)
    return family
