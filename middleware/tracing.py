"""Where spans are made, if anybody collects them: a switch, and calls that cost next to nothing while it is off.

It must not know OpenTelemetry: `otel_spans` does, and is imported only where the extra `otel` is installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from importlib.util import find_spec
from typing import Any, ParamSpec, Protocol, TypeVar

from dramatiq import Broker, Message, MessageProxy, Middleware, Worker

from middleware import correlation
from middleware.claimed_message import held_of
from middleware.in_hand import Held
from policy.trace_context import TraceContext

P = ParamSpec("P")
R = TypeVar("R")

#: Attributes of a span: names without the prefix `callboard.`; None leaves one out.
Attributes = Mapping[str, "str | int | float | bool | None"]


class Span(Protocol):
    """What a block may say about itself while it runs."""

    def say(self, **attributes: str | int | float | bool | None) -> None:
        """Add attributes."""


class Attempt(Protocol):
    """The span of one attempt, current in its thread until it ends."""

    traceparent: str
    tracestate: str | None

    def end(self, outcome: str, attributes: Attributes, error: BaseException | None) -> None:
        """Close it; `outcome` is the status with which the attempt's row closes."""


class Spans(Protocol):
    """A tracer; `otel_spans.OtelSpans` is the one there is."""

    def active(self) -> bool:
        """Whether spans go anywhere."""

    def place(self) -> correlation.Place:
        """Where in a trace the code runs now."""

    def span(
        self, name: str, kind: str, attributes: Attributes, links: Sequence[object]
    ) -> AbstractContextManager[Span]:
        """A span around a block, current inside it. `links` are options of messages, for their producers' places."""

    def continued(self, place: TraceContext) -> AbstractContextManager[object]:
        """Have spans made meanwhile begin at that place of somebody else's trace."""

    def attempt(self, held: Held, options: Mapping[str, Any]) -> Attempt:
        """Begin the root span of an attempt, and tell the producer's trace how long the job waited."""

    def flush(self) -> None:
        """Send what is finished; waits a few seconds at most."""


class _Silent:
    """The span of a process whose spans nobody collects."""

    def say(self, **attributes: str | int | float | bool | None) -> None:
        """Nothing."""


_spans: Spans | None = None
_silent: Span = _Silent()
_nothing = nullcontext(_silent)


def install(spans: Spans | None = None) -> None:
    """Make spans from now on, through `spans` or, with the extra installed, OpenTelemetry's; None forgets nothing.

    Repeating it is harmless. Without the extra nothing happens: `traceparent` travels all the same.
    """
    global _spans  # noqa: PLW0603  # one tracer a process
    if spans is None:
        if _spans is not None or not available():
            return
        from middleware.otel_spans import OtelSpans  # noqa: PLC0415  # may be absent

        spans = OtelSpans.from_environment(os.environ)
    _spans = spans
    correlation.when_asked_for_place(spans.place)


def is_on() -> bool:
    """Whether spans are made and go anywhere."""
    return _spans is not None and _spans.active()


def available() -> bool:
    """Whether the extra `otel` is installed."""
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None


def span(
    name: str, kind: str = "internal", /, *, links: Sequence[object] = (), **attributes: str | int | float | bool | None
) -> AbstractContextManager[Span]:
    """A span around a block; `kind` is internal, producer or client. An error is named by its class alone."""
    if _spans is None or not _spans.active():
        return _nothing
    return _spans.span(name, kind, attributes, links)


@contextmanager
def continued(place: TraceContext | None) -> Iterator[None]:
    """What is dispatched meanwhile belongs to the trace of whoever asked for it, if they named one."""
    if place is None:
        yield
        return
    scope = correlation.Scope(correlation.new_correlation_id(), traceparent=place.traceparent, tracestate=place.state)
    with correlation.bound(scope), _spans.continued(place) if _spans is not None else _nothing:
        yield


def traced(
    name: str, kind: str = "internal", *, describe: Callable[[R], Attributes] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Put a span around each call of a function; `describe` says what came of it."""

    def around(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if _spans is None or not _spans.active():
                return function(*args, **kwargs)
            with _spans.span(name, kind, {}, ()) as made:
                answer = function(*args, **kwargs)
                if describe is not None:
                    made.say(**describe(answer))
                return answer

        return call

    return around


def flush() -> None:
    """Send what is finished: a command or a worker is about to end."""
    if _spans is not None:
        _spans.flush()


class Tracing(Middleware):
    """One root span an attempt. Stands below the claim: what was not claimed is no attempt."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if _spans is None or not _spans.active() or (held := held_of(message)) is None:
            return
        attempt = _spans.attempt(held, message.options)
        message.attempt_span = attempt  # type: ignore[attr-defined]
        correlation.refine(traceparent=attempt.traceparent, tracestate=attempt.tracestate)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        attempt: Attempt | None = getattr(message, "attempt_span", None)
        if attempt is None:
            return
        message.attempt_span = None  # type: ignore[attr-defined]
        judgement = getattr(message, "judgement", None)
        if judgement is None:
            attempt.end("SUCCEEDED" if exception is None else "FAILED", {}, exception)
            return
        decision = judgement.decision
        said = {"state": decision.state.value, "verdict": judgement.verdict, "rule": judgement.rule}
        attempt.end(decision.status.value, said, exception)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        attempt: Attempt | None = getattr(message, "attempt_span", None)
        if attempt is not None:
            message.attempt_span = None  # type: ignore[attr-defined]
            attempt.end("CANCELLED", {}, None)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        flush()


def options_of(messages: Sequence[Message[Any]]) -> list[Mapping[str, Any]]:
    """For `links`: nothing is looked at while spans are off."""
    return [message.options for message in messages] if _spans is not None else []
