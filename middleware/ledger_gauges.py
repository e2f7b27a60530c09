"""The metrics endpoint with the gauges of ledger and Redis read at each scrape."""

from __future__ import annotations

import time
from functools import lru_cache

import redis

from middleware.bounded_readings import BoundedReading
from middleware.configuration import connect_database, redis_url, settings_in_force
from middleware.gauge_readings import GaugeReadings
from middleware.metrics_server import serve_metrics
from middleware.redis_broker import ready_counts, redis_client
from models.readings import gauges
from models.readings.workers import queues_served

#: Seconds that a scrape waits for both servers together: a Prometheus gives up after ten.
DEADLINE_S = 2.0
#: Seconds between two counts of what is too dear for every scrape.
_DEAR_EVERY_S = 60.0


def serve(port: int | None = None) -> int:
    """`serve_metrics` with everything readable."""
    return serve_metrics(read_gauges, port=port)


class _Ledger:
    """Reads the ledger on one connection; remembers the queues, so that Redis can be asked while the ledger is away."""

    def __init__(self) -> None:
        self.queues: list[str] = []

    def read(self) -> gauges.LedgerGauges:
        settings = settings_in_force()
        connect_database(settings)
        self.queues = queues_served()
        return gauges.ledger_gauges(lease_s=settings.lease_s, window_s=settings.dispatch_window_s)


class _Dear:
    """What is counted once a minute, beside the scrapes, which never wait for it: a page shows the last count."""

    def __init__(self) -> None:
        self._counted_s: float | None = None
        self._count: int | None = None

    def read(self) -> int | None:
        now_s = time.monotonic()
        if self._counted_s is None or now_s - self._counted_s >= _DEAR_EVERY_S:
            self._count = None  # while it fails, nothing old is shown
            connect_database(settings_in_force())
            self._count = gauges.finished_recently()
            self._counted_s = now_s
        return self._count


class Servers:
    """Ledger and Redis as the endpoint reads them, each in its own thread and time."""

    def __init__(self) -> None:
        self._look = _Ledger()
        self._ledger = BoundedReading("ledger", self._look.read)
        self._redis = BoundedReading("redis", self._ready)
        self._dear = BoundedReading("finished rows", _Dear().read)

    def read(self) -> GaugeReadings:
        """One look at both within `DEADLINE_S`; what does not answer is left out and said to be unreadable."""
        deadline_s = time.monotonic() + DEADLINE_S
        self._dear.ask()
        ledger = self._ledger.answer(self._ledger.ask(), deadline_s)
        # After the ledger, which names the queues; half a second at least is left, so that its hanging is not held
        # against Redis.
        ready = self._redis.answer(self._redis.ask(), max(deadline_s, time.monotonic() + DEADLINE_S / 4))
        found = {} if ledger is None else {name: getattr(ledger, name) for name in ledger.__slots__}
        return GaugeReadings(
            **found,
            queue_depth=ready or {},
            jobs_finished_rows=self._dear.latest() if ledger is not None else None,
            ledger_readable=ledger is not None,
            redis_readable=ready is not None,
        )

    def _ready(self) -> dict[str, int]:
        if not self._look.queues:
            _client().ping()  # nobody serves a queue, yet whether Redis answers is still worth knowing
            return {}
        return ready_counts(_client(), self._look.queues)


@lru_cache(maxsize=1)
def _servers() -> Servers:
    return Servers()


def read_gauges() -> GaugeReadings:
    """One look at the ledger and at the ready lists; raises nothing that a server's driver raises."""
    return _servers().read()


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis_client(redis_url(settings_in_force()), timeout_s=DEADLINE_S)
