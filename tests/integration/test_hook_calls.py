"""The broker's quick hook calls: the same order, the same errors, the same log lines as Dramatiq's."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from dramatiq import Broker, Middleware
from dramatiq.middleware import MiddlewareError

from middleware.redis_broker import LedgerRedisBroker


class Recorder(Middleware):
    """Writes down which of its hooks were called; raises what it is told to."""

    def __init__(self, name: str, calls: list[str], error: Exception | None = None) -> None:
        self.name, self.calls, self.error = name, calls, error

    def before_ack(self, broker: Broker, message: Any) -> None:
        self.calls.append(f"before {self.name}")
        if self.error:
            raise self.error

    def after_ack(self, broker: Broker, message: Any) -> None:
        self.calls.append(f"after {self.name}")
        if self.error:
            raise self.error


def broker_with(*middleware: Middleware) -> LedgerRedisBroker:
    """A broker that never connects."""
    return LedgerRedisBroker(client=redis.Redis(port=1), middleware=list(middleware))


def test_before_runs_down_the_list_and_after_runs_up() -> None:
    calls: list[str] = []
    broker = broker_with(Recorder("a", calls), Middleware(), Recorder("b", calls))

    broker.emit_before("ack", None)
    broker.emit_after("ack", None)

    assert calls == ["before a", "before b", "after b", "after a"]


def test_middleware_added_later_is_called_too() -> None:
    calls: list[str] = []
    broker = broker_with(Recorder("a", calls))
    broker.emit_before("ack", None)

    broker.add_middleware(Recorder("late", calls), before=Recorder)
    broker.emit_before("ack", None)

    assert calls == ["before a", "before late", "before a"]


def test_middleware_error_of_a_before_hook_stops_the_chain() -> None:
    calls: list[str] = []
    broker = broker_with(Recorder("a", calls, MiddlewareError("no")), Recorder("b", calls))

    with pytest.raises(MiddlewareError):
        broker.emit_before("ack", None)

    assert calls == ["before a"]


def test_other_errors_are_logged_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []
    broker = broker_with(Recorder("a", calls, RuntimeError("no")), Recorder("b", calls))

    broker.emit_before("ack", None)
    broker.emit_after("ack", None)

    assert calls == ["before a", "before b", "after b", "after a"]
    assert [record.getMessage()[:34] for record in caplog.records if record.levelname == "CRITICAL"] == [
        "Unexpected failure in before_ack o",
        "Unexpected failure in after_ack of",
    ]
