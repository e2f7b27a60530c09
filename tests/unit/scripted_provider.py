"""A provider of messages on loopback: real HTTP, which misbehaves as a test says, request by request."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Says:
    """An answer. `claimed` is its Content-Length, where that is a lie."""

    status: int = 200
    body: bytes = b'{"id": "p-1"}'
    headers: Mapping[str, str] = field(default_factory=dict)
    claimed: int | None = None


#: What is done about a request: an answer, or something with the connection instead.
Act = Says | Callable[[socket.socket], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, whole."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]


def cut(connection: socket.socket) -> None:
    """End the connection without an answer."""
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """Tear the connection down, as a crashing host does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class ScriptedProvider:
    """Does as `acts` say, one for each request, and answers kindly when they are used up.

    `meanwhile` runs when a request has come in whole, before its act.
    """

    def __init__(self, *acts: Act, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self.meanwhile: Callable[[Asked], None] = lambda asked: None
        self._acts = list(acts)
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        host = "localhost" if self._scheme == "https" else "127.0.0.1"
        return f"{self._scheme}://{host}:{self._server.server_address[1]}/v1/messages"

    def silent(self, _connection: socket.socket) -> None:
        """Say nothing until the test is over."""
        self.over.wait(20)

    def trickle(self, connection: socket.socket) -> None:
        """Send header after header, each in good time, for ever."""
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not self.over.wait(0.02):
            connection.sendall(b"X-More: yes\r\n")

    def act(self) -> Act:
        return self._acts.pop(0) if self._acts else Says(body=json.dumps({"id": f"p-{len(self.asked)}"}).encode())

    def __enter__(self) -> ScriptedProvider:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: that a client has had enough is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    provider: ScriptedProvider

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        asked = Asked(self.path, dict(self.headers), json.loads(content))
        self.provider.asked.append(asked)
        self.provider.meanwhile(asked)
        act = self.provider.act()
        self.close_connection = True
        if not isinstance(act, Says):
            act(self.connection)
            return
        self.send_response(act.status)
        for name, value in act.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(act.body) if act.claimed is None else act.claimed))
        self.end_headers()
        self.wfile.write(act.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the test's output is not for this."""
