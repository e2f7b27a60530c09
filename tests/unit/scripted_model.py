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


def completion(content: object, finish_reason: str = "stop", **message: object) -> bytes:
    """An API's answer whose first choice says `content`."""
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "finish_reason": finish_reason, "message": said}
    return json.dumps({"id": "c1", "object": "chat.completion", "model": "m-1", "choices": [choice]}).encode()


@dataclass
class Script:
    """What is answered, and what was asked. `claimed` is the Content-Length, where it is a lie; `gap_s` lies between
    two bytes of the body; `hold` keeps every answer back until it is set; `meanwhile` runs before the answer.
    """

    body: bytes = field(default_factory=lambda: completion(json.dumps(REPLY)))
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    claimed: int | None = None
    gap_s: float = 0.0
    hold: threading.Event | None = None
    meanwhile: Callable[[], None] = lambda: None
    over: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    script: Script

    def do_POST(self) -> None:
        script = self.script
        script.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        script.paths.append(self.path)
        script.keys.append(self.headers["Authorization"])
        script.meanwhile()
        if script.hold is not None:
            script.hold.wait(20)
        try:
            self._answer()
        except OSError:
            return  # the client has had enough

    def _answer(self) -> None:
        self.send_response(self.script.status)
        length = len(self.script.body) if self.script.claimed is None else self.script.claimed
        for name, value in {"Content-Type": "application/json", **self.script.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if not self.script.gap_s:
            self.wfile.write(self.script.body)
            return
        for byte in self.script.body:
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
