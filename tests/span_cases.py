"""Spans kept in memory, for tests that make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from middleware import correlation, tracing
from middleware.otel_spans import OtelSpans


class Kept:
    """What has been exported, in order."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def named(self, beginning: str) -> list[ReadableSpan]:
        """Finished spans whose name begins so."""
        return [span for span in self._exporter.get_finished_spans() if span.name.startswith(beginning)]

    def one(self, beginning: str) -> ReadableSpan:
        """The only finished span whose name begins so."""
        (span,) = self.named(beginning)
        return span

    def text(self) -> str:
        """Everything that was exported, as JSON."""
        return "\n".join(span.to_json() for span in self._exporter.get_finished_spans())


@contextmanager
def spans_kept() -> Iterator[Kept]:
    """Make spans meanwhile, and keep them."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracing, "_spans", None)
        patch.setattr(correlation, "_current_place", None)
        tracing.install(OtelSpans(provider.get_tracer("test")))
        yield Kept(exporter)
        provider.shutdown()


def context_of(span: ReadableSpan) -> SpanContext:
    """A span's own place."""
    context = span.get_span_context()
    assert context is not None
    return context


def traceparent_of(span: ReadableSpan) -> str:
    """A span's own place as it is carried."""
    context = context_of(span)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def linked(span: ReadableSpan) -> list[str]:
    """The places a span is linked to, as they are carried."""
    return [f"00-{link.context.trace_id:032x}-{link.context.span_id:016x}-01" for link in span.links]


def said(span: ReadableSpan, name: str) -> Any:
    """An attribute of ours."""
    return (span.attributes or {}).get(f"callboard.{name}")
