"""What a worker shows before anything has happened: a rate sees no count that a series was born with."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import log_intercept, metrics
from middleware.metric_series import counter, gauge
from middleware.metrics_fork import Metrics


@pytest.fixture
def booted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker process with one actor, and no series before it."""
    monkeypatch.setattr(metrics, "_attempts", counter("attempts", "", "actor", "queue", "outcome"))
    monkeypatch.setattr(metrics, "_in_progress", gauge("jobs_in_progress", "", "actor", "queue"))
    monkeypatch.setattr(metrics, "_finished", counter("jobs_finished", "", "actor", "state"))
    broker = StubBroker(middleware=[Metrics()])
    dramatiq.actor(actor_name="draft", queue_name="replies", broker=broker)(lambda: None)
    broker.emit_after("process_boot")
    yield
    broker.close()
    log_intercept._listeners.remove(metrics.hook_failed)


@pytest.mark.usefixtures("booted")
def test_each_actor_has_what_a_failure_ratio_divides() -> None:
    assert sorted(metrics._attempts) == [("draft", "replies", outcome) for outcome in ("failed", "lost", "succeeded")]


@pytest.mark.usefixtures("booted")
def test_each_actor_shows_that_nothing_of_it_has_died() -> None:
    assert list(metrics._finished) == [("draft", "dead")]


@pytest.mark.usefixtures("booted")
def test_idle_actor_is_at_zero_however_short_its_jobs() -> None:
    assert list(metrics._in_progress) == [("draft", "replies")]


def test_lost_log_lines_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Tally()
    monkeypatch.setattr(metrics, "_lost_lines", {(): lost})
    monkeypatch.setattr(metrics, "_lines_counted", 0)

    for so_far in (0, 3, 3, 5, 1):  # at last the log was configured anew, and counts from zero
        metrics.log_lines_lost(so_far)

    assert lost.total == 6


class Tally:
    """Stands in for a prometheus child."""

    total = 0.0

    def inc(self, amount: float = 1) -> None:
        self.total += amount
