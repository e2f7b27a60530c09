"""A model's API on loopback that answers as a test says: real HTTP, one scripted answer for every request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPLY = {"subject": "A call", "body": "Hello Lea,\n\nwhich days would suit you?\n\nThe Callboard team"}


def listing(*names: str, **beside: object) -> bytes:
    """An API's list of its models."""
    models = [{"id": name, "object": "model"} for name in names]
    return json.dumps({"object": "list", "data": models, **beside}).encode()


def completion(content: object, finish_reason: str = "stop", **message: object) -> bytes:
    """An API's answer whose first choice says `content`."""
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "finish_reason": finish_reason, "message": said}
    return json.dumps({"id": "c1", "object": "chat.completion", "model": "m-1", "choices": [choice]}).encode()


@dataclass
class Script:
    """What is answered, and what was asked. `claimed` is the Content-Length, where it is a lie; `gap_s` lies between
    two bytes of the body (of the headers too with `slow_headers`), and after `silent_after` bytes none comes any more;
    `hold` keeps every answer back until it is set; `meanwhile` runs before the answer. `listing` answers who asks for
    the models.
    """

    body: bytes = field(default_factory=lambda: completion(json.dumps(REPLY)))
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    claimed: int | None = None
    gap_s: float = 0.0
    listing_status: int = 404
    listing: bytes = b""
    slow_headers: bool = False
    silent_after: int | None = None
    hold: threading.Event | None = None
    meanwhile: Callable[[], None] = lambda: None
    over: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    script: Script

    def do_GET(self) -> None:
        self.script.paths.append(self.path)
        self.script.keys.append(self.headers["Authorization"])
        self.send_response(self.script.listing_status)
        self.send_header("Content-Length", str(len(self.script.listing)))
        self.end_headers()
        self.wfile.write(self.script.listing)

    def do_POST(self) -> None:
        script = self.script
        script.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        script.paths.append(self.path)
        script.keys.append(self.headers["Authorization"])
        script.meanwhile()
        if (hold := script.hold) is not None:
            hold.wait(20)
        try:
            self._answer()
        except OSError:
            return  # the client has had enough

    def _answer(self) -> None:
        if self.script.slow_headers:
            self._trickle(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000)
            return
        self.send_response(self.script.status)
        length = len(self.script.body) if self.script.claimed is None else self.script.claimed
        for name, value in {"Content-Type": "application/json", **self.script.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if not self.script.gap_s:
            self.wfile.write(self.script.body)
            return
        self._trickle(self.script.body)

    def _trickle(self, text: bytes) -> None:
        for number, byte in enumerate(text):
            if number == self.script.silent_after and self.script.over.wait(60):
                return
            self.wfile.write(bytes([byte]))
            if self.script.over.wait(self.script.gap_s):
                return

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the test's output is not for this."""


@contextmanager
def model_api(script: Script) -> Iterator[str]:
    """The base URL of an API that follows the script."""
    handler = type("Handler", (_Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            script.over.set()
            if script.hold is not None:
                script.hold.set()
            server.shutdown()
            thread.join()
