"""One id follows from dispatch to children, and none leaks into the next message of a thread."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dramatiq
import pytest
from dramatiq.broker import MessageProxy
from dramatiq.brokers.stub import StubBroker

from middleware import correlation
from middleware.correlation import Correlation, Scope

PLACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ELSEWHERE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def broker() -> Iterator[StubBroker]:
    broker = StubBroker(middleware=[Correlation()])
    broker.emit_after("process_boot")
    yield broker
    broker.flush_all()
    broker.close()


def message(**options: Any) -> MessageProxy:
    return MessageProxy(dramatiq.Message("default", "act", (), {}, options))


def test_first_message_of_a_family_gets_an_id_and_no_cause(broker: StubBroker) -> None:
    sent = message()

    broker.emit_before("enqueue", sent, None)

    assert len(sent.options["correlation_id"]) == 36
    assert "causation_id" not in sent.options


def test_child_inherits_id_cause_and_traceparent(broker: StubBroker) -> None:
    child = message()

    with correlation.bound(Scope("family", job_id="parent", traceparent=PLACE)):
        broker.emit_before("enqueue", child, None)

    assert child.options == {
        "correlation_id": "family",
        "causation_id": "parent",
        "traceparent": PLACE,
    }


def test_tracestate_travels_with_its_traceparent(broker: StubBroker) -> None:
    parent = message(correlation_id="family", traceparent=PLACE, tracestate="vendor=1")
    child = message()

    with correlation.bound(correlation.scope_of(parent)):
        broker.emit_before("enqueue", child, None)

    assert (child.options["traceparent"], child.options["tracestate"]) == (PLACE, "vendor=1")


@pytest.mark.parametrize("bad", ["00-a-b-01", 17, PLACE + "\n", "\u202e" * 55, None])
def test_traceparent_that_nobody_can_read_is_not_carried_on(broker: StubBroker, bad: object) -> None:
    foreign = message(traceparent=bad, tracestate="vendor=1")

    scope = correlation.scope_of(foreign)

    assert scope.traceparent is None


def test_stamps_of_the_first_enqueue_survive_promotion(broker: StubBroker) -> None:
    stamped = {
        "correlation_id": "family",
        "causation_id": "parent",
        "traceparent": PLACE,
    }
    promoted = message(**stamped)

    with correlation.bound(Scope("other", job_id="relay", traceparent=ELSEWHERE)):
        broker.emit_before("enqueue", promoted, None)

    assert promoted.options == stamped


def test_stranger_released_by_a_job_is_not_its_child(broker: StubBroker) -> None:
    released = message(correlation_id="theirs")

    with correlation.bound(Scope("ours", job_id="relay", traceparent=ELSEWHERE)):
        broker.emit_before("enqueue", released, None)

    assert released.options == {"correlation_id": "theirs"}


def test_retry_is_not_caused_by_itself(broker: StubBroker) -> None:
    again = message(correlation_id="family")

    with correlation.bound(Scope("family", job_id=again.message_id)):
        broker.emit_before("enqueue", again, 100)

    assert again.options == {"correlation_id": "family"}


def test_scope_of_a_claimed_message_is_the_claims(broker: StubBroker) -> None:
    claimed = message(correlation_id="the copy says otherwise")
    claimed.claim = SimpleNamespace(  # type: ignore[attr-defined]
        job_id="job", attempt=3, client_id="client", dispatch_key="key", correlation_id="family"
    )

    broker.emit_before("process_message", claimed)
    scope = correlation.current()
    broker.emit_after("process_message", claimed)

    assert scope == Scope("family", "job", "key", "act", 3, "client")


@pytest.mark.parametrize("foreign", [{}, {"correlation_id": 7}, {"correlation_id": ""}])
def test_foreign_message_keeps_the_id_made_for_it(broker: StubBroker, foreign: dict[str, Any]) -> None:
    taken = message(**foreign)

    broker.emit_before("process_message", taken)
    scope = correlation.current()
    broker.emit_after("process_message", taken)

    assert scope is not None
    assert taken.options["correlation_id"] == scope.correlation_id
    assert scope.job_id == taken.message_id


@pytest.mark.parametrize("signal", ["process_message", "skip_message"])
def test_scope_ends_with_its_message(broker: StubBroker, signal: str) -> None:
    taken = message(correlation_id="family")

    broker.emit_before("process_message", taken)
    broker.emit_after(signal, taken)

    assert correlation.current() is None


def test_after_hook_without_its_before_hook_takes_nothing_away(broker: StubBroker) -> None:
    outside = Scope("outside")

    with correlation.bound(outside):
        broker.emit_after("process_message", message())
        kept = correlation.current()

    assert kept is outside


def test_after_hook_of_another_message_does_not_end_the_scope(broker: StubBroker) -> None:
    running = message(correlation_id="family")

    broker.emit_before("process_message", running)
    broker.emit_after("skip_message", message())
    during = correlation.current()
    broker.emit_after("process_message", running)

    assert during is not None
    assert during.correlation_id == "family"


def test_scope_whose_after_hook_never_ran_does_not_outlive_the_next_message(broker: StubBroker) -> None:
    interrupted, following = message(correlation_id="first"), message(correlation_id="second")

    broker.emit_before("process_message", interrupted)
    broker.emit_before("process_message", following)
    during = correlation.current()
    broker.emit_after("process_message", following)

    assert during is not None
    assert during.correlation_id == "second"
    assert correlation.current() is None


def test_claim_made_inside_a_hook_refines_the_scope(broker: StubBroker) -> None:
    taken = message(correlation_id="family")

    broker.emit_before("process_message", taken)
    correlation.refine(attempt=2, client_id="client")
    during = correlation.current()
    broker.emit_after("process_message", taken)

    assert during == Scope("family", taken.message_id, None, "act", 2, "client")
    assert correlation.current() is None


def test_child_sent_by_a_running_actor_belongs_to_its_family(broker: StubBroker) -> None:
    @dramatiq.actor(broker=broker)
    def child() -> None: ...

    @dramatiq.actor(broker=broker)
    def parent() -> None:
        child.send()

    sent = parent.send()
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    seen: list[dict[str, Any]] = []
    broker.add_middleware(Watch(seen))
    worker.start()
    broker.join("default", timeout=5000)
    worker.join()
    worker.stop()

    assert [options["correlation_id"] for options in seen] == [sent.options["correlation_id"]] * 2
    assert seen[1]["causation_id"] == sent.message_id


class Watch(dramatiq.Middleware):
    def __init__(self, seen: list[dict[str, Any]]) -> None:
        self.seen = seen

    def before_process_message(self, broker: Any, message: MessageProxy) -> None:
        self.seen.append(dict(message.options))
