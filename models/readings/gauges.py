"""Reads what the metrics page shows as it stands now. Cheap: a scrape must not slow the work.

It must not know Redis (`models.dead_queue` and the broker do) nor Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from models.database import query, run
from models.readings.paging import database_now
from policy.windows import MOST_MISSING, window_at


@dataclass(frozen=True, slots=True)
class LedgerGauges:
    """One look at the ledger; ages are seconds, None where there is nothing to tell of."""

    dead_letters_open: Mapping[str, int]
    dead_letter_oldest_age_seconds: float | None
    queue_oldest_age_seconds: Mapping[str, float]
    workers_alive: int
    dispatch_windows_missing: int | None


def ledger_gauges(*, lease_s: float, window_s: int) -> LedgerGauges:
    """The gauges at this moment. Raises psycopg2.Error."""
    return LedgerGauges(
        dead_letters_open=dead_letters_open(),
        dead_letter_oldest_age_seconds=dead_letter_oldest_age_s(),
        queue_oldest_age_seconds=queue_ages_s(),
        workers_alive=workers_alive(lease_s),
        dispatch_windows_missing=windows_missing(window_s),
    )


def dead_letters_open() -> dict[str, int]:
    """Open dead letters by reason."""
    return {
        row[0]: row[1]
        for row in query("SELECT reason, count(*) FROM dead_letter WHERE resolution = 'OPEN' GROUP BY reason")
    }


def dead_letter_oldest_age_s() -> float | None:
    """Seconds since the oldest open letter died."""
    age_s: float | None = query(
        "SELECT extract(epoch FROM clock_timestamp() - min(died_at))::float8 FROM dead_letter WHERE resolution = 'OPEN'"
    )[0][0]
    return age_s


def queue_ages_s() -> dict[str, float]:
    """Seconds since the oldest due job of each queue that nobody has claimed fell due."""
    return {row[0]: row[1] for row in run("queue_ages")}


def workers_alive(lease_s: float) -> int:
    """Workers that have beaten within the lease and are neither lost nor stopped."""
    alive: int = query(
        "SELECT count(*) FROM worker WHERE lost_at IS NULL AND stopped_at IS NULL"
        " AND heartbeat_at >= clock_timestamp() - make_interval(secs => %s)",
        (lease_s,),
    )[0][0]
    return alive


def windows_missing(window_s: int) -> int | None:
    """Windows of this length without a row, from the first one to the one before the current.

    No further back than MOST_MISSING windows: what was missed long ago must not ring for ever. None before the first.
    """
    current = window_at(database_now(), window_s).start
    horizon = current - timedelta(seconds=window_s * MOST_MISSING)
    first, present = query(
        "SELECT (SELECT min(window_start) FROM background_dispatch_window WHERE window_seconds = %s), count(*)"
        " FROM background_dispatch_window WHERE window_seconds = %s AND window_start >= %s AND window_start < %s",
        (window_s, window_s, horizon, current),
    )[0]
    if first is None:
        return None
    expected: int = (current - max(first, horizon)) // timedelta(seconds=window_s)
    return max(0, expected - int(present))
