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

#: Windows that began within so many seconds are shown by status: long enough for two scrapes of the slowest Prometheus.
RECENT_WINDOWS_S = 600.0
#: Finished jobs are counted over so many seconds, to be compared with what processes have counted.
FINISHED_OVER_S = 600.0


@dataclass(frozen=True, slots=True)
class LedgerGauges:
    """One look at the ledger; ages are seconds, None where there is nothing to tell of."""

    dead_letters_open: Mapping[str, int]
    dead_letter_oldest_age_seconds: float | None
    queue_oldest_age_seconds: Mapping[str, float]
    workers_alive: int
    dispatch_windows_missing: int | None
    dispatch_windows_recent: Mapping[str, int]
    dispatch_windows_without_outcome: int
    effects_unknown: int
    effects_duplicated: int


def ledger_gauges(*, lease_s: float, window_s: int) -> LedgerGauges:
    """The gauges at this moment. Raises psycopg2.Error."""
    letters, oldest_s = letters_open()
    recent, without_outcome = windows_recent(window_s)
    unknown, duplicated = effects_amiss()
    return LedgerGauges(
        dead_letters_open=letters,
        dead_letter_oldest_age_seconds=oldest_s,
        queue_oldest_age_seconds=queue_ages_s(),
        workers_alive=workers_alive(lease_s),
        dispatch_windows_missing=windows_missing(window_s),
        dispatch_windows_recent=recent,
        dispatch_windows_without_outcome=without_outcome,
        effects_unknown=unknown,
        effects_duplicated=duplicated,
    )


def letters_open() -> tuple[dict[str, int], float | None]:
    """Open dead letters by reason, and the seconds since the oldest of them died."""
    rows = run("letters_open")
    return {reason: count for reason, count, _ in rows}, rows[0][2] if rows else None


def windows_recent(window_s: int) -> tuple[dict[str, int], int]:
    """Windows that began lately by status, and how many of the last day are past their time without an outcome."""
    counts: dict[str | None, int] = dict(run("windows_recent", (RECENT_WINDOWS_S, window_s)))
    without_outcome = counts.pop(None)
    return {status: count for status, count in counts.items() if status is not None}, without_outcome


def effects_amiss() -> tuple[int, int]:
    """Effects that nobody knows the outcome of, and effects known to have happened more than once."""
    unknown, duplicated = run("effects_amiss")[0]
    return unknown, duplicated


def finished_recently() -> int:
    """Jobs that reached a final state within the last `FINISHED_OVER_S`.

    Not for every scrape: at a thousand jobs a second it counts 600,000 rows.
    """
    count: int = query(
        "SELECT count(*) FROM background_job WHERE finished_at > clock_timestamp() - make_interval(secs => %s)",
        (FINISHED_OVER_S,),
    )[0][0]
    return count


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
