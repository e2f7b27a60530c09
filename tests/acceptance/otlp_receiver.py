"""A collector on loopback: takes OTLP over HTTP and keeps the spans. It must not know who sends."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver(ThreadingHTTPServer):
    """What has come in, by resource."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._lock = threading.Lock()
        self._requests: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT should be."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self._requests.append(request)

    def spans(self, beginning: str = "") -> list[Span]:
        """Spans whose name begins so, as they came."""
        with self._lock:
            requests = list(self._requests)
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
            if span.name.startswith(beginning)
        ]

    def services(self) -> set[str]:
        """The service names of those who sent."""
        with self._lock:
            requests = list(self._requests)
        attributes = (one for r in requests for resource in r.resource_spans for one in resource.resource.attributes)
        return {one.value.string_value for one in attributes if one.key == "service.name"}


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.take(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the spans speak."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that takes spans meanwhile."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def said(span: Span, name: str) -> str:
    """A text attribute of ours."""
    return next((one.value.string_value for one in span.attributes if one.key == f"callboard.{name}"), "")
