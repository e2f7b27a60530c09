"""The metrics endpoint with the gauges of ledger and Redis read at each scrape; the fork that workers bring along."""

from __future__ import annotations

from functools import lru_cache

import redis

from middleware.configuration import connect_database, redis_url, settings_in_force
from middleware.gauge_readings import GaugeReadings
from middleware.metrics_server import serve_metrics
from middleware.redis_broker import ready_counts, redis_client
from models.database import close_connection
from models.readings.gauges import ledger_gauges
from models.readings.workers import queues_served

#: Seconds that a scrape waits for Redis: a Prometheus gives up after ten.
_REDIS_TIMEOUT_S = 2.0


def serve() -> int:
    """`serve_metrics` with everything readable; top-level, so that Dramatiq can fork it by its import path."""
    return serve_metrics(read_gauges)


def read_gauges() -> GaugeReadings:
    """One look at the ledger and at the ready lists. Raises what the servers' drivers raise while one is away."""
    settings = settings_in_force()
    connect_database(settings)
    try:
        ledger = ledger_gauges(lease_s=settings.lease_s, window_s=settings.dispatch_window_s)
        queues = queues_served()
    finally:
        # Each request has a thread of its own, and a connection would outlive it.
        close_connection()
    return GaugeReadings(
        dead_letters_open=ledger.dead_letters_open,
        dead_letter_oldest_age_seconds=ledger.dead_letter_oldest_age_seconds,
        queue_depth=ready_counts(_client(), queues),
        queue_oldest_age_seconds=ledger.queue_oldest_age_seconds,
        workers_alive=ledger.workers_alive,
        dispatch_windows_missing=ledger.dispatch_windows_missing,
    )


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis_client(redis_url(settings_in_force()), timeout_s=_REDIS_TIMEOUT_S)
