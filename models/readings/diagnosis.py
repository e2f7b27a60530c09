"""Reads what a doctor asks of the ledger. It must not know what is healthy: `policy.diagnosis` does."""

from __future__ import annotations

from models.database import query
from models.readings.gauges import queue_ages_s
from policy.diagnosis import WINDOWS_OPEN_MAX, Beat, LedgerFacts
from policy.settings import Settings


def ledger_facts(settings: Settings) -> LedgerFacts:
    """One look at the ledger. Raises psycopg2.Error."""
    workers = _workers()
    open_, failed, newest_age_s = _windows(settings.dispatch_window_s)
    last_hour, hour_before = _deaths()
    return LedgerFacts(
        postgres_major=int(query("SHOW server_version_num")[0][0]) // 10_000,
        workers=[beat for beat, _ in workers],
        queue_ages=queue_ages_s(),
        served=frozenset(queue for beat, queues in workers if beat.beat_age_s <= settings.lease_s for queue in queues),
        windows_open=open_,
        windows_failed=failed,
        newest_window_age_s=newest_age_s,
        died_last_hour=last_hour,
        died_hour_before=hour_before,
        unknown_effects=int(query("SELECT count(*) FROM side_effect WHERE state = 'UNKNOWN'")[0][0]),
    )


def _workers() -> list[tuple[Beat, list[str]]]:
    rows = query(
        "SELECT id, host, pid, code_version, extract(epoch FROM clock_timestamp() - heartbeat_at)::float8, queues"
        " FROM worker WHERE lost_at IS NULL AND stopped_at IS NULL ORDER BY started_at"
    )
    return [(Beat(str(row[0]), f"{row[1]}, pid {row[2]}", row[3], row[4]), row[5]) for row in rows]


def _windows(window_s: int) -> tuple[int, int, float | None]:
    rows = query(
        "SELECT (SELECT count(*) FROM background_dispatch_window WHERE status = 'DISPATCHING'"
        "   AND updated_at < clock_timestamp() - make_interval(secs => %s)),"
        " (SELECT count(*) FROM background_dispatch_window WHERE status = 'ENQUEUE_FAILED'),"
        " extract(epoch FROM clock_timestamp() - (SELECT max(window_start) FROM background_dispatch_window))::float8",
        (WINDOWS_OPEN_MAX * window_s,),
    )
    return rows[0][0], rows[0][1], rows[0][2]


def _deaths() -> tuple[int, int]:
    rows = query(
        "SELECT count(*) FILTER (WHERE died_at >= now() - interval '1 hour'),"
        " count(*) FILTER (WHERE died_at < now() - interval '1 hour')"
        " FROM dead_letter WHERE died_at >= now() - interval '2 hours'"
    )
    return rows[0][0], rows[0][1]
