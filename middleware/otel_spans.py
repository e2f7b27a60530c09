"""Spans by OpenTelemetry: who collects them, how an attempt is tied to its producer, what a span may say.

The one module that imports the extra `otel`. A span holds names, ids and counts, never arguments or error texts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from middleware import correlation, tracing
from middleware.code_version import code_version
from middleware.in_hand import Held
from middleware.logs import event
from policy.keys import run_key
from policy.trace_context import TraceContext, parse

#: Where a collector is named; without one of these, and without a provider of the application, no span is made.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
#: Links of one span at most; a release of hundreds of jobs names the first of them.
MOST_LINKS = 32
#: Milliseconds that a process waits, when it ends, for its last spans to go out.
FLUSH_MS = 3_000
#: Seconds for which an answer holds to the question whether a provider is set.
_ASK_AGAIN_S = 1.0

_KINDS = {"internal": SpanKind.INTERNAL, "producer": SpanKind.PRODUCER, "client": SpanKind.CLIENT}


class OtelSpans:
    """Spans of the provider that is set when they are made: the application's own, or ours from the environment."""

    def __init__(self, tracer: trace.Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("callboard", code_version())
        self._given = tracer is not None
        self._set, self._asked_s = False, -_ASK_AGAIN_S

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> OtelSpans:
        """With a provider of our own where an endpoint is named and the application has set none."""
        wanted = any(environ.get(name) for name in ENDPOINTS)
        disabled = (
            environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
        )
        if wanted and not disabled and not _provider_is_set():
            _set_provider(environ)
        return cls()

    def active(self) -> bool:
        if self._given:
            return True
        # The application may set one at any time, and asking OpenTelemetry costs more than a hook: once a second.
        now_s = time.monotonic()
        if now_s >= self._asked_s + _ASK_AGAIN_S:
            self._asked_s, self._set = now_s, _provider_is_set()
        return self._set

    def place(self) -> correlation.Place:
        context = trace.get_current_span().get_span_context()
        return _written(context) if context.is_valid else None

    def span(
        self, name: str, kind: str, attributes: tracing.Attributes, links: Sequence[object]
    ) -> AbstractContextManager[tracing.Span]:
        return self._span(name, kind, attributes, links)

    @contextmanager
    def _span(
        self, name: str, kind: str, attributes: tracing.Attributes, links: Sequence[object]
    ) -> Iterator[tracing.Span]:
        with self._tracer.start_as_current_span(
            name,
            kind=_KINDS[kind],
            attributes=_prefixed(attributes),
            links=_links(links),
            record_exception=False,  # its text may quote arguments
            set_status_on_exception=False,
        ) as made:
            try:
                yield _Said(made)
            except BaseException as error:
                _name_error(made, error)
                raise

    @contextmanager
    def _continued(self, producer: SpanContext) -> Iterator[None]:
        token = otel_context.attach(trace.set_span_in_context(NonRecordingSpan(producer)))
        try:
            yield
        finally:
            otel_context.detach(token)

    def continued(self, place: TraceContext) -> AbstractContextManager[object]:
        return self._continued(_context(place))

    def attempt(self, held: Held, options: Mapping[str, Any]) -> tracing.Attempt:
        producer = _context_of(options)
        links = [Link(producer)] if producer is not None else []
        span = self._tracer.start_span(
            f"attempt {held.actor}", context=Context(), kind=SpanKind.CONSUMER, links=links, attributes=_of_claim(held)
        )
        if producer is not None:
            self._tell_wait(held, producer, span.get_span_context())
        return _OtelAttempt(span)

    def _tell_wait(self, held: Held, producer: SpanContext, attempt: SpanContext) -> None:
        """The wait belongs to the producer's trace: there it shows what became of the dispatch, and leads on."""
        now_ns = time.time_ns()
        waited_ns = int(held.claim.queue_ms * 1e6 + (time.monotonic() - held.claimed_s) * 1e9)
        wait = self._tracer.start_span(
            f"queue wait {held.actor}",
            context=trace.set_span_in_context(NonRecordingSpan(producer), Context()),
            start_time=now_ns - waited_ns,
            links=[Link(attempt)],
            attributes=_of_claim(held),
        )
        wait.end(now_ns)

    def flush(self) -> None:
        flush = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is not None:
            flush(FLUSH_MS)


class _Said:
    """A block's span, as the block sees it."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def say(self, **attributes: str | int | float | bool | None) -> None:
        self._span.set_attributes(_prefixed(attributes))


class _OtelAttempt:
    """An attempt's root span, current in this thread until its end."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token = otel_context.attach(trace.set_span_in_context(span, Context()))
        self.traceparent, self.tracestate = _written(span.get_span_context())

    def end(self, outcome: str, attributes: tracing.Attributes, error: BaseException | None) -> None:
        otel_context.detach(self._token)
        self._span.set_attributes(_prefixed({"outcome": outcome, **attributes}))
        if outcome == "FAILED":
            _name_error(self._span, error)
        self._span.end()


def _provider_is_set() -> bool:
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _set_provider(environ: Mapping[str, str]) -> None:
    """OTLP over HTTP in batches, from a thread of its own; sampler and limits are the SDK's, by its OTEL_ variables."""
    # Only where a collector is named: a process without one needs the API alone (docs/decisions/0068).
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    except ImportError as error:
        event("traces_not_exported", "WARNING", error=error)
        return
    named = environ.get("OTEL_SERVICE_NAME") or "callboard"
    resource = Resource.create({"service.name": named, "service.version": code_version()})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def _written(context: SpanContext) -> tuple[str, str | None]:
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & TraceFlags.SAMPLED:02x}"
    return parent, context.trace_state.to_header() or None


def _context_of(options: Mapping[str, Any]) -> SpanContext | None:
    found = parse(options.get("traceparent"), options.get("tracestate"))
    return None if found is None else _context(found)


def _context(found: TraceContext) -> SpanContext:
    state = TraceState.from_header([found.state]) if found.state else None
    flags = TraceFlags(TraceFlags.SAMPLED if found.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(found.trace_id, 16), int(found.span_id, 16), True, flags, state)


def _links(options: Sequence[object]) -> list[Link]:
    """To the producers of some messages, each place once; not to the place where this span begins anyhow."""
    here = trace.get_current_span().get_span_context().span_id
    contexts = (_context_of(one) for one in options[:MOST_LINKS] if isinstance(one, Mapping))
    return [
        Link(one) for one in {one.span_id: one for one in contexts if one is not None}.values() if one.span_id != here
    ]


def _of_claim(held: Held) -> dict[str, str | int | float]:
    claim = held.claim
    said: tracing.Attributes = {
        "job_id": str(claim.job_id),
        "run_key": run_key(held.actor, claim.job_id, claim.attempt),
        "dispatch_key": claim.dispatch_key,
        "correlation_id": claim.correlation_id,
        "actor": held.actor,
        "queue": held.queue,
        "attempt": claim.attempt,
        "client_id": claim.client_id,
        "source": claim.source,
        "queue_ms": round(claim.queue_ms, 3),
    }
    return _prefixed(said)


def _prefixed(attributes: tracing.Attributes) -> dict[str, str | int | float]:
    return {f"callboard.{name}": value for name, value in attributes.items() if value is not None}


def _name_error(span: trace.Span, error: BaseException | None) -> None:
    """By its class: texts quote arguments, and the ledger keeps them where few may read."""
    if error is None:
        span.set_status(Status(StatusCode.ERROR))
        return
    name = type(error).__qualname__
    span.set_attribute("error.type", name)
    span.set_status(Status(StatusCode.ERROR, name))
