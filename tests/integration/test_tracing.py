"""Spans in memory: a root an attempt, linked to its producer, and nothing in any of them that a log would not say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq import Message, MessageProxy
from dramatiq.brokers.stub import StubBroker
from opentelemetry.trace import SpanKind, StatusCode

from actors.dispatch import Dispatched, dispatch
from middleware import correlation
from middleware.claims import Claims
from middleware.copies import make_ready
from middleware.correlation import Correlation, Scope
from middleware.effects import once
from middleware.envelopes import wanted_job
from middleware.failures import Failures
from middleware.tracing import Tracing, span
from models.database import query
from models.ledger.finish import finish
from models.ledger.letters import Operator
from scripts import letter_verbs
from tests.broker_cases import acting_process
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, job_row, registered, state_of
from tests.span_cases import Kept, context_of, linked, said, spans_kept, traceparent_of

pytestmark = pytest.mark.usefixtures("ledger_database")

#: Quoted by arguments and errors; no span may say it.
SECRET = "s3cret-argument"
FOREIGN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def kept() -> Iterator[Kept]:
    with spans_kept() as kept:
        yield kept


@pytest.fixture
def broker() -> StubBroker:
    """A broker with the hooks that matter here, and a worker process of it that may act."""
    broker = StubBroker(middleware=[Correlation(), Claims(), Tracing(), Failures(max_retries=4)])
    acting_process(broker)
    return broker


def play(broker: StubBroker, message: Message[Any], error: Exception | None = None) -> MessageProxy:
    """One attempt at a message, as a worker thread makes it: the actor is what `broker` declares."""
    proxy = MessageProxy(message)
    broker.emit_before("process_message", proxy)
    try:
        result = None if error else broker.get_actor(message.actor_name)(*message.args, **message.kwargs)
        if error is not None:
            raise error
    except Exception as raised:
        broker.emit_after("process_message", proxy, exception=raised)
    else:
        broker.emit_after("process_message", proxy, result=result)
    return proxy


def actor(broker: StubBroker, name: str = "greet", work: Any = lambda *args: None) -> dramatiq.Actor[..., Any]:
    return dramatiq.Actor(work, actor_name=name, broker=broker, queue_name="default", priority=0, options={})


def stored_options(job_id: str) -> dict[str, Any]:
    """The options of the envelope in the row."""
    (payload,) = query("SELECT payload FROM background_job WHERE id = %s", (job_id,))[0]
    options = json.loads(bytes(payload))["options"]
    assert isinstance(options, dict)
    return options


def sent(dispatched: object) -> Dispatched:
    assert isinstance(dispatched, Dispatched)
    return dispatched


def test_dispatch_is_the_producer_that_row_and_envelope_name(broker: StubBroker, kept: Kept) -> None:
    answer = sent(dispatch(actor(broker), SECRET))

    made = kept.one("dispatch")
    assert made.kind is SpanKind.PRODUCER
    assert stored_options(answer.job_id)["traceparent"] == traceparent_of(made)
    assert query("SELECT traceparent FROM background_job")[0][0] == traceparent_of(made)


def test_dispatch_inside_a_request_is_its_child(broker: StubBroker, kept: Kept) -> None:
    with span("request"):
        dispatch(actor(broker))

    assert kept.one("dispatch").parent == context_of(kept.one("request"))


def test_duplicates_are_counted_by_the_span(broker: StubBroker, kept: Kept) -> None:
    greet = actor(broker)
    dispatch(greet, dispatch_key="k")
    dispatch(greet, dispatch_key="k")

    assert [said(one, "duplicates") for one in kept.named("dispatch")] == [0, 1]


def test_attempt_is_a_root_of_its_own_linked_to_its_producer(broker: StubBroker, kept: Kept) -> None:
    greet = actor(broker)

    play(broker, greet.message().copy(options={"traceparent": FOREIGN, "tracestate": "vendor=1"}))

    attempt = kept.one("attempt greet")
    assert attempt.parent is None
    assert attempt.kind is SpanKind.CONSUMER
    assert linked(attempt) == [FOREIGN]
    assert attempt.links[0].context.trace_state.to_header() == "vendor=1"
    assert (said(attempt, "outcome"), said(attempt, "attempt")) == ("SUCCEEDED", 1)


def test_wait_stands_in_the_producers_trace_and_leads_on(broker: StubBroker, kept: Kept) -> None:
    play(broker, actor(broker).message().copy(options={"traceparent": FOREIGN}))

    wait, attempt = kept.one("queue wait"), kept.one("attempt")
    assert f"{context_of(wait).trace_id:032x}" in FOREIGN
    assert wait.parent is not None
    assert f"{wait.parent.span_id:016x}" in FOREIGN
    assert linked(wait) == [traceparent_of(attempt)]
    assert wait.start_time is not None
    assert wait.end_time is not None
    assert wait.start_time <= wait.end_time


@pytest.mark.parametrize("bad", ["00-a-b-01", FOREIGN + "\n", 17, [FOREIGN], "\u202e" + FOREIGN])
def test_attempt_at_a_message_with_a_broken_traceparent_is_linked_to_nothing(
    broker: StubBroker, kept: Kept, bad: object
) -> None:
    play(broker, actor(broker).message().copy(options={"traceparent": bad}))

    assert linked(kept.one("attempt")) == []
    assert query("SELECT traceparent, state FROM background_job") == [(None, "succeeded")]


def test_each_retry_is_a_new_root_linked_to_the_same_producer(broker: StubBroker, kept: Kept) -> None:
    greet = actor(broker)
    message = greet.message().copy(options={"traceparent": FOREIGN})
    job_id = play(broker, message, ConnectionError(SECRET)).held.claim.job_id
    query("UPDATE background_job SET state = 'queued', release = 1, released_at = now()")

    play(broker, message.copy(options={"job_id": str(job_id), "release": 1}))

    first, second = kept.named("attempt")
    assert context_of(first).trace_id != context_of(second).trace_id
    assert (linked(first), linked(second)) == ([FOREIGN], [FOREIGN])
    assert [said(one, "attempt") for one in (first, second)] == [1, 2]


def test_failure_is_named_by_class_verdict_and_rule_never_by_its_text(broker: StubBroker, kept: Kept) -> None:
    play(broker, actor(broker).message(SECRET), ConnectionError(SECRET))

    attempt = kept.one("attempt")
    assert attempt.status.status_code is StatusCode.ERROR
    assert attempt.status.description == "ConnectionError"
    assert (said(attempt, "outcome"), said(attempt, "verdict"), said(attempt, "state")) == (
        "FAILED",
        "retry",
        "pending",
    )
    assert SECRET not in kept.text()


def test_child_of_an_attempt_is_linked_to_it(broker: StubBroker, kept: Kept) -> None:
    child = actor(broker, "child")
    parent = actor(broker, "parent", lambda: str(dispatch(child)))

    play(broker, parent.message().copy(options={"traceparent": FOREIGN}))

    producer = kept.one("dispatch")
    assert producer.parent == context_of(kept.one("attempt parent"))
    assert query("SELECT traceparent FROM background_job WHERE actor = 'child'")[0][0] == traceparent_of(producer)


def test_plain_send_in_an_attempt_bears_the_attempts_place(broker: StubBroker, kept: Kept) -> None:
    broker.declare_queue("default")
    child = actor(broker, "child")
    sends: list[Message[Any]] = []
    parent = actor(broker, "parent", lambda: sends.append(child.send()))

    play(broker, parent.message())

    assert sends[0].options["traceparent"] == traceparent_of(kept.one("attempt parent"))


def test_lines_of_an_attempt_bear_its_place(broker: StubBroker, kept: Kept) -> None:
    scopes: list[Scope | None] = []

    play(broker, actor(broker, work=lambda: scopes.append(correlation.current())).message())

    assert [scope and scope.traceparent for scope in scopes] == [traceparent_of(kept.one("attempt"))]


@pytest.mark.parametrize(
    ("guard", "outcome"), [(None, "confirmed"), (lambda: "client_paused", "refused")], ids=["done", "refused"]
)
def test_effect_is_a_child_of_its_attempt(broker: StubBroker, kept: Kept, guard: Any, outcome: str) -> None:
    greet = actor(broker, work=lambda: str(once("mail:1", lambda key: {"id": key}, kind="email", guard=guard)))

    play(broker, greet.message())

    effect = kept.one("effect email")
    assert effect.parent == context_of(kept.one("attempt"))
    assert (effect.kind, said(effect, "effect"), said(effect, "effect_key")) == (SpanKind.CLIENT, outcome, "mail:1")


def test_effect_that_raises_is_an_error_by_its_class(broker: StubBroker, kept: Kept) -> None:
    def refuse(key: str) -> None:
        raise ConnectionError(SECRET)

    play(broker, actor(broker, work=lambda: once("mail:1", refuse, kind="email")).message())

    effect = kept.one("effect email")
    assert effect.status.status_code is StatusCode.ERROR
    assert SECRET not in kept.text()


def test_release_is_linked_to_the_producers_of_its_jobs(broker: StubBroker, kept: Kept) -> None:
    broker.declare_queue("default")
    message = actor(broker).message().copy(options={"traceparent": FOREIGN})

    make_ready(broker, [wanted_job(broker, message)], bounded=False)

    release = kept.one("release")
    assert linked(release) == [FOREIGN]
    assert said(release, "jobs") == 1


def test_operators_action_is_a_span_that_names_operator_and_letter(kept: Kept) -> None:
    holder, job = registered(), dispatched()
    finish(holder.id, [death(claimed(holder, job))], dedupe_s=DEDUPE_S)
    (letter,) = query("SELECT id FROM dead_letter")[0]

    letter_verbs.requeue(letter, Operator("ada"), dedupe_s=DEDUPE_S, remove_entry=lambda moved: None)

    made = kept.one("operator requeue")
    assert (said(made, "operator"), said(made, "target")) == ("ada", str(letter))
    assert state_of(job.id) == "pending"


def test_without_spans_a_traceparent_goes_from_job_to_child_as_it_came(broker: StubBroker) -> None:
    child = actor(broker, "child")
    parent = actor(broker, "parent", lambda: str(dispatch(child)))

    play(broker, parent.message().copy(options={"traceparent": FOREIGN, "tracestate": "vendor=1"}))

    (job_id, stored) = query("SELECT id, traceparent FROM background_job WHERE actor = 'child'")[0]
    assert stored == FOREIGN
    assert stored_options(job_id)["tracestate"] == "vendor=1"


def test_requeued_job_keeps_its_place(broker: StubBroker) -> None:
    job = dispatched(
        traceparent=FOREIGN, payload=actor(broker).message().copy(options={"traceparent": FOREIGN}).encode()
    )
    holder = registered()
    finish(holder.id, [death(claimed(holder, job))], dedupe_s=DEDUPE_S)
    (letter,) = query("SELECT id FROM dead_letter")[0]

    letter_verbs.requeue(letter, Operator("ada"), dedupe_s=DEDUPE_S, remove_entry=lambda moved: None)

    assert job_row(job.id, "state", "traceparent") == ("pending", FOREIGN)
    assert stored_options(str(job.id))["traceparent"] == FOREIGN
