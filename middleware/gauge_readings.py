"""Gauges that are read at the scrape instead of counted: what the ledger and Redis say now.

It must not know how they are read: it is given a function.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from middleware import logs
from middleware.metric_series import PREFIX, label_value


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
    #: Windows that began within the last ten minutes, by their present status.
    dispatch_windows_recent: Mapping[str, int] = field(default_factory=dict)
    #: Windows past their time that nobody has closed.
    dispatch_windows_without_outcome: int | None = None
    effects_unknown: int | None = None
    effects_duplicated: int | None = None
    #: Jobs that ended within the last ten minutes, by the rows; read every minute.
    jobs_finished_rows: int | None = None
    ledger_readable: bool = True
    redis_readable: bool = True


#: (metric, label or None, meaning): each is the attribute of the same name of `GaugeReadings`.
GAUGES: tuple[tuple[str, str | None, str], ...] = (
    ("dead_letters_open", "reason", "Dead letters nobody has resolved."),
    ("dead_letter_oldest_age_seconds", None, "Age of the oldest open dead letter."),
    ("queue_depth", "queue", "Ready copies in Redis."),
    ("queue_oldest_age_seconds", "queue", "Age of the oldest due job not yet claimed."),
    ("workers_alive", None, "Workers that beat and are not declared lost."),
    ("dispatch_windows_missing", None, "Dispatch windows without a row."),
    ("dispatch_windows_recent", "status", "Dispatch windows of the last ten minutes, by status."),
    ("dispatch_windows_without_outcome", None, "Dispatch windows past their time and not closed."),
    ("effects_unknown", None, "Effects whose outcome nobody knows."),
    ("effects_duplicated", None, "Effects known to have happened more than once."),
    ("jobs_finished_rows", None, "Jobs that ended within the last ten minutes, by the rows."),
    ("ledger_readable", None, "1 if the ledger's gauges could be read at this scrape."),
    ("redis_readable", None, "1 if the lengths of the ready lists could be read at this scrape."),
)
#: Seconds that the readings of this scrape took.
READING_SECONDS = "scrape_reading_seconds"


class LedgerCollector:
    """Reads at each scrape; when the reading fails the page says so and shows the rest."""

    def __init__(self, read: Callable[[], GaugeReadings]) -> None:
        self._read = read
        self._failing = False

    def collect(self) -> Iterable[Metric]:
        began_s = time.monotonic()
        readings = self._readings()
        for name, label, meaning in GAUGES:
            yield _family(name, label, meaning, getattr(readings, name))
        took = GaugeMetricFamily(PREFIX + READING_SECONDS, "Seconds that the gauges of this scrape took to read.")
        took.add_metric([], time.monotonic() - began_s)
        yield took

    def _readings(self) -> GaugeReadings:
        # The edge of the scrape: the page must come whatever the readers say; one line when that changes.
        try:
            readings = self._read()
        except Exception as error:
            if not self._failing:
                logs.event("gauges_unreadable", "WARNING", error=error)
            self._failing = True
            return GaugeReadings(ledger_readable=False, redis_readable=False)
        self._failing = False
        return readings


def _family(
    name: str, label: str | None, meaning: str, reading: float | Mapping[str, float] | None
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, meaning, labels=[label] if label else [])
    if isinstance(reading, Mapping):
        for value, number in reading.items():
            family.add_metric([label_value(value)], number)
    elif reading is not None:
        family.add_metric([], reading)
    return family
