"""One HTTP request to a provider, with certainty about which side of its last byte a failure fell on.

A provider can have acted on a request only once its last byte has been handed to the network. The client is driven
through a network of our own, which sees that byte, and which holds every read and write to one deadline: a client's
own time-outs are for each of them alone. It must not know what is asked or answered.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpcore2 as http

from policy.errors import NothingDone

#: Bytes of an answer that are read: a lying server may send for ever.
ANSWER_BYTES = 65_536
#: Seconds for the connection alone: a provider that is up accepts at once.
CONNECT_S = 5.0

# Below WARNING the client tells of every request.
logging.getLogger("httpcore2").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go. `authorization` is that header's value, empty for none."""

    url: str
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, `Retry-After` if there is one, and the body of a 2xx (of no other: it may repeat what was asked)."""

    status: int
    retry_after: str | None
    body: bytes


def post(endpoint: Endpoint, headers: Mapping[str, str], content: bytes, *, timeout_s: float) -> Answer:
    """POST `content` (not empty) on a connection of its own, all within `timeout_s`. Follows and repeats nothing.

    Raises NothingDone while the request cannot have been acted on; once its last byte may have gone out, the client's
    errors of network, time and protocol, or TimeoutError: then nobody on this side knows.
    """
    network = _Network(time.monotonic() + timeout_s, content)
    asked = {**headers, "Connection": "close"}
    if endpoint.authorization:
        asked["Authorization"] = endpoint.authorization
    try:
        # Neither kept nor shared: a connection that the provider has just closed would leave open what it read.
        with (
            http.ConnectionPool(ssl_context=_tls(endpoint), network_backend=network) as pool,
            pool.stream("POST", endpoint.url, headers=asked, content=content) as response,
        ):
            body = _read(response) if 200 <= response.status < 300 else b""
            return Answer(response.status, _header(response.headers, b"retry-after"), body)
    except (http.NetworkError, http.TimeoutException, http.ProtocolError, OSError) as error:
        if network.request_left:
            raise
        raise NothingDone(f"{type(error).__name__} before the request had left") from error


def _tls(endpoint: Endpoint) -> ssl.SSLContext | None:
    return ssl.create_default_context() if endpoint.url.startswith("https:") else None


def _read(response: http.Response) -> bytes:
    body = bytearray()
    for piece in response.iter_stream():
        body += piece
        if len(body) > ANSWER_BYTES:
            raise http.RemoteProtocolError(f"an answer of more than {ANSWER_BYTES} bytes")
    return bytes(body)


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


class _Network(http.NetworkBackend):
    """The network until a deadline; `request_left` once the last byte of the request may have been sent."""

    def __init__(self, deadline: float, last: bytes) -> None:
        self.request_left = False
        self._deadline = deadline
        self._last = last
        self._backend = http.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> http.NetworkStream:
        limit_s = min(CONNECT_S, self.left_s())
        return _Stream(self, self._backend.connect_tcp(host, port, limit_s, local_address, socket_options))

    def left_s(self) -> float:
        """Seconds to the deadline. Raises TimeoutError past it."""
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the provider took longer than it may")
        return left_s

    def wrote(self, buffer: bytes) -> None:
        """Take note of what has been written, perhaps not whole."""
        self.request_left = self.request_left or buffer.endswith(self._last)


class _Stream(http.NetworkStream):
    """A connection of that network."""

    def __init__(self, network: _Network, stream: http.NetworkStream) -> None:
        self._network = network
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left_s = self._network.left_s()
        try:
            self._stream.write(buffer, left_s)
        except http.WriteError:
            # The network did not take all of it. (A time-out, or an interruption, leaves open how much it took.)
            raise
        except BaseException:
            self._network.wrote(buffer)
            raise
        self._network.wrote(buffer)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> http.NetworkStream:
        limit_s = min(CONNECT_S, self._network.left_s())
        return _Stream(self._network, self._stream.start_tls(ssl_context, server_hostname, limit_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
