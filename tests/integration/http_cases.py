"""A small server in a thread, and raw connections to it: what no HTTP library would send can be sent."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from middleware.health_server import bind
from middleware.small_http import SmallServer

#: Seconds after which a connection that should have been answered or closed fails its test.
DEADLINE_S = 20.0


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def page(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@contextmanager
def served(server: SmallServer) -> Iterator[int]:
    """Run the server in a thread of its own; gives its port."""
    listening = bind(0)
    port, loop, ending = int(listening.getsockname()[1]), asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.run(listening, ending)))
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(DEADLINE_S)
        _close(loop)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


def connected(port: int) -> socket.socket:
    """A connection to this machine's port."""
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)


def asked(port: int, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answered:
    """One request by the standard library's client; names of headers with `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=named)
        response = connection.getresponse()
        return Answered(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def sent_raw(port: int, data: bytes) -> bytes:
    """Everything that comes back for these bytes until the server closes."""
    with connected(port) as connection:
        connection.sendall(data)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Until the other side closes, in whichever way."""
    came = b""
    try:
        while data := connection.recv(65_536):
            came += data
    except ConnectionResetError:
        pass
    return came
