"""Broker, settings and clock of a ticking process for tests, and what its ticks leave in the ledger and in Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dramatiq
import pytest
import redis

from actors import schedule
from actors.broker import setup
from middleware import configuration
from models.database import close_connection, query
from models.readings.paging import database_now
from policy.windows import window_at

Settle = Callable[..., None]
Forward = Callable[[timedelta], None]


@contextmanager
def broker_in_place() -> Iterator[None]:
    """Meanwhile this process's broker is the global one; afterwards the former one is, and the connection closed."""
    former = dramatiq.broker.global_broker
    dramatiq.set_broker(setup())
    try:
        yield
    finally:
        dramatiq.broker.global_broker = former
        close_connection()


def settings_by(monkeypatch: pytest.MonkeyPatch) -> Settle:
    """What sets settings by name without their prefix."""

    def change(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"CALLBOARD_{name}", str(value))
        configuration.settings_in_force.cache_clear()

    return change


def clock_by(monkeypatch: pytest.MonkeyPatch) -> Forward:
    """What sets the database's clock forward from the start of this window, as ticks see it."""
    began = window_at(database_now(), 60).start

    def forward(by: timedelta) -> None:
        monkeypatch.setattr(schedule, "database_now", lambda: began + by)

    forward(timedelta())
    return forward


def windows() -> list[tuple[Any, ...]]:
    """Status, error and missed windows of every window, oldest first."""
    return query("SELECT status, error_message, missed_before FROM background_dispatch_window ORDER BY window_start")


def jobs() -> list[tuple[str, str]]:
    """Function and state of every job, oldest window first."""
    return [
        (row[0], row[1]) for row in query("SELECT actor, state FROM background_job ORDER BY created_at, actor DESC")
    ]


def copies(client: redis.Redis) -> int:
    """Copies that wait in Redis."""
    return int(client.llen("dramatiq:default"))
