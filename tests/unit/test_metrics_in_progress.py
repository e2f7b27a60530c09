"""The gauge of messages in progress says what each thread works on, whenever it is asked to."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.broker import MessageProxy
from dramatiq.brokers.stub import StubBroker

from middleware import log_intercept, metrics
from middleware.metrics_fork import Metrics


class Gauges(dict[tuple[str, str], "Gauges.One"]):
    """Stands in for the gauge: what each of its children was last set to."""

    class One:
        value = 0.0

        def set(self, value: float) -> None:
            self.value = value

    def __missing__(self, key: tuple[str, str]) -> Gauges.One:
        self[key] = self.One()
        return self[key]

    def shown(self) -> dict[tuple[str, str], float]:
        metrics.show_progress()
        return {labels: one.value for labels, one in self.items()}


@pytest.fixture
def gauges(monkeypatch: pytest.MonkeyPatch) -> Gauges:
    gauges = Gauges()
    monkeypatch.setattr(metrics, "_in_progress", gauges)
    monkeypatch.setattr(metrics, "_working", {})
    return gauges


@pytest.fixture
def broker() -> Iterator[StubBroker]:
    broker = StubBroker(middleware=[Metrics()])
    yield broker
    broker.close()
    log_intercept._listeners.remove(metrics.hook_failed)


def message(queue: str = "default") -> MessageProxy:
    return MessageProxy(dramatiq.Message(queue, "act", (), {}, {}))


@pytest.mark.parametrize("signal", ["process_message", "skip_message"])
def test_progress_ends_as_it_began(broker: StubBroker, gauges: Gauges, signal: str) -> None:
    taken = message("mail.DQ")

    broker.emit_before("process_message", taken)
    assert gauges.shown() == {("act", "mail"): 1}
    broker.emit_after(signal, taken)

    assert gauges.shown() == {("act", "mail"): 0}


def test_message_skipped_before_it_was_counted_is_not_ended(broker: StubBroker, gauges: Gauges) -> None:
    broker.emit_after("skip_message", message())

    assert gauges.shown() == {}


def test_progress_whose_after_hook_never_ran_ends_with_the_next_message(broker: StubBroker, gauges: Gauges) -> None:
    broker.emit_before("process_message", message("first"))
    broker.emit_before("process_message", message("second"))

    assert gauges.shown() == {("act", "second"): 1}


def test_keys_of_one_series_are_added_up(gauges: Gauges, monkeypatch: pytest.MonkeyPatch) -> None:
    gauges["Draft", "q"] = gauges["draft", "q"]  # label values are lower case
    monkeypatch.setattr(metrics, "_working", {1: ("Draft", "q"), 2: ("Draft", "q"), 3: ("draft", "q")})

    assert set(gauges.shown().values()) == {3}


def test_threads_are_added_up(broker: StubBroker, gauges: Gauges) -> None:
    broker.emit_before("process_message", message("mail"))
    thread = threading.Thread(target=broker.emit_before, args=("process_message", message("mail")))
    thread.start()
    thread.join()

    assert gauges.shown() == {("act", "mail"): 2}
