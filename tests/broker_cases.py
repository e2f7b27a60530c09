"""Brokers and actors for tests that need Redis: on the session's server, or on one that is away."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dramatiq
import psycopg2.extensions

from actors.dispatch import Dispatched, Duplicate
from middleware import enqueuer
from middleware.configuration import settings_in_force
from middleware.in_hand import Held, current_held
from middleware.redis_broker import LedgerRedisBroker, redis_client
from middleware.worker_process import WorkerProcess, attach, current_process
from models import database as db
from models.ledger import workers
from models.ledger.claim import Holder
from models.ledger.dispatch import Wanted
from tests.ledger_cases import claimed, registered

#: A port where nobody listens.
NO_REDIS = "redis://127.0.0.1:1/0"


def broker_on(url: str, *middleware: dramatiq.Middleware) -> LedgerRedisBroker:
    """Our broker with this middleware alone."""
    return LedgerRedisBroker(client=redis_client(url), middleware=list(middleware))


def done(answer: Dispatched | Duplicate) -> Dispatched:
    """The answer of a dispatch that nothing stood in the way of, once its copy is made or refused."""
    assert isinstance(answer, Dispatched)
    assert enqueuer.finish(30)
    return answer


def actor_on(broker: dramatiq.Broker, name: str = "actor", **options: Any) -> dramatiq.Actor[..., Any]:
    """An actor of that name that does nothing."""

    def nothing(*args: object, **kwargs: object) -> None:
        """Whatever it is given."""

    return dramatiq.Actor(nothing, actor_name=name, broker=broker, queue_name="default", priority=0, options=options)


class _CountingCursor(psycopg2.extensions.cursor):
    def execute(self, *args: Any, **kwargs: Any) -> None:
        _counted.append(str(args[0])[:80])
        super().execute(*args, **kwargs)


_counted: list[str] = []


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements that this thread sends meanwhile, preparing left out: each is a round trip."""
    connection = db.database.connection()  # type: ignore[no-untyped-call]
    connection.cursor_factory = _CountingCursor
    _counted.clear()
    sent: list[str] = []
    try:
        yield sent
    finally:
        connection.cursor_factory = None
        sent += [one for one in _counted if not one.startswith("PREPARE")]


def worker_process(broker: dramatiq.Broker, **changes: object) -> WorkerProcess:
    """A worker process of that broker with none of its threads running; settings by name, over the environment's."""
    settings = dataclasses.replace(settings_in_force(), **changes)  # type: ignore[arg-type]  # the caller knows
    folder = Path(settings.home) / "run"
    process = WorkerProcess(broker, settings, queues=["default"], threads=4, slots_folder=folder)
    attach(broker, process)
    return process


def acting_process(broker: dramatiq.Broker, **changes: object) -> WorkerProcess:
    """A worker process that has registered and beaten just now."""
    process = worker_process(broker, **changes)
    workers.register(process.holder, ["default"], 4)
    process.beaten(time.monotonic())
    return process


def steady_process(broker: dramatiq.Broker) -> WorkerProcess:
    """A worker process whose beats had no gap for a whole lease."""
    process = acting_process(broker)
    lease_s, beat_s = process.settings.lease_s, process.settings.heartbeat_s
    process._beats_s.clear()
    now_s = time.monotonic()
    for number in range(int(lease_s / beat_s) + 1, -1, -1):
        process.beaten(now_s - number * beat_s)
    return process


def silent(process: WorkerProcess, host: str | None = None, seconds: float | None = None) -> Holder:
    """A worker that has not beaten for longer than the lease."""
    holder = registered(host or process.holder.host)
    db.query(
        "UPDATE worker SET heartbeat_at = heartbeat_at - make_interval(secs => %s) WHERE id = %s",
        (seconds or process.settings.lease_s + 1, holder.id),
    )
    watched(process, seconds or process.settings.lease_s + 1)
    return holder


def watched(process: WorkerProcess, seconds: float) -> None:
    """That process has seen every worker's present beat for so long."""
    process.beats_seen = {worker: (beat, time.monotonic() - seconds) for worker, beat in workers.beats().items()}


def held_by_process(process: WorkerProcess, job: Wanted | None = None, release: int = 1) -> Held:
    """A claim on `job` (by default: on a new one), in that process's hand."""
    claim = claimed(process.holder, job, release)
    held = Held(claim, process.holder.id, "actor", "default")
    process.in_hand.add([held])
    return held


@contextmanager
def acting(process: WorkerProcess, held: Held) -> Iterator[Held]:
    """As inside the actor of that claim: `once` opens effects under it."""
    tokens = current_held.set(held), current_process.set(process)
    try:
        yield held
    finally:
        current_held.reset(tokens[0])
        current_process.reset(tokens[1])
