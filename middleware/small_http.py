"""A small HTTP/1.1 server for probes and posts of a few bytes: one request a connection, bounded in time and number.

It must not know what is asked: it hands each whole request to one coroutine. Parsing is h11's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import h11

from middleware.logs import event

#: Seconds for a whole request to come in, whatever it trickles; and for an answer to be taken.
REQUEST_S = 5.0
ANSWER_S = 5.0
#: Bytes of a request's head, and of its body.
HEAD_BYTES = 8_192
BODY_BYTES = 1_024
#: Connections at once. When one more comes, the oldest that has not said all it wants is closed.
CONNECTIONS = 128
_CHUNK = 4_096
#: Seconds, and chunks of 4 KiB, that an answered client may go on sending before it is cut off.
LINGER_S = 1.0
LINGER_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Names of headers are lower case; a header that came twice has its first value."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: a JSON object."""

    status: int
    page: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The request is answered at once, and no more of it is read."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


_TOO_LARGE = Reply(413, {"error": f"a body of more than {BODY_BYTES} bytes"})

#: Looks at the head alone, before a byte of the body is read; raises Refused.
Admit = Callable[[Request], None]
Answer = Callable[[Request], Awaitable[Reply]]


class SmallServer:
    """Serves `answer` on a listening socket, for as long as `run` runs."""

    def __init__(self, admit: Admit, answer: Answer, *, request_s: float = REQUEST_S) -> None:
        self._admit, self._answer, self._request_s = admit, answer, request_s
        #: Connections that have not said all they want, or do not go; oldest first.
        self._dawdling: dict[asyncio.Task[None], None] = {}
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self, listening: socket.socket, until: asyncio.Event) -> None:
        """Serve until the event."""
        server = await asyncio.start_server(self._connected, sock=listening, limit=_CHUNK)
        async with server:
            await until.wait()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await asyncio.sleep(0)  # what was aborted closes its socket in the loop's next turn

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= CONNECTIONS and self._dawdling:
            oldest = next(iter(self._dawdling))
            del self._dawdling[oldest]
            oldest.cancel()
        self._connections.add(task)
        # Whoever asked has gone, or never asked; or room was needed, or the server ends.
        with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.CancelledError, h11.LocalProtocolError):
            await self._serve(_Exchange(reader, writer), task)
        self._connections.discard(task)
        self._dawdling.pop(task, None)
        writer.transport.abort()

    async def _serve(self, exchange: _Exchange, task: asyncio.Task[None]) -> None:
        self._dawdling[task] = None
        try:
            request = await asyncio.wait_for(exchange.request(self._admit), self._request_s)
            self._dawdling.pop(task, None)
            reply = await self._replied(request)
        except Refused as refused:
            reply = refused.reply
        except asyncio.TimeoutError:
            reply = Reply(408, {"error": f"the request did not come in within {self._request_s:g} s"})
        except h11.RemoteProtocolError as error:
            reply = Reply(error.error_status_hint, {"error": "not a request that is understood here"})
        await asyncio.wait_for(exchange.reply(reply), ANSWER_S)
        self._dawdling[task] = None
        await asyncio.wait_for(exchange.linger(), LINGER_S)

    async def _replied(self, request: Request) -> Reply:
        try:
            return await self._answer(request)
        except Refused as refused:
            return refused.reply
        except Exception as error:
            event("health_answer_failed", "ERROR", path=request.path[:100], error=error)
            return Reply(500, {"error": type(error).__name__})


class _Exchange:
    """One request and its answer on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._wants_body = True

    async def request(self, admit: Admit) -> Request:
        """The whole request. Raises Refused, h11.RemoteProtocolError, ConnectionResetError."""
        head, body = None, b""
        while True:
            came = self._parser.next_event()
            if came is h11.NEED_DATA:
                if self._parser.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._writer.write(self._parser.send(go_on) or b"")
                self._parser.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(came, h11.Request):
                self._wants_body = came.method != b"HEAD"
                head = _head(came)
                admit(head)
            elif isinstance(came, h11.Data):
                body += bytes(came.data)
                if len(body) > BODY_BYTES:
                    raise Refused(_TOO_LARGE)
            elif isinstance(came, h11.EndOfMessage) and head is not None:
                return Request(head.method, head.path, head.query, head.headers, body)
            else:
                raise ConnectionResetError

    async def reply(self, reply: Reply) -> None:
        """Send the answer; that to a HEAD has no body."""
        body = json.dumps(reply.page, default=str).encode() + b"\n"
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
            *reply.headers.items(),
        ]
        response = h11.Response(status_code=reply.status, headers=headers, reason=HTTPStatus(reply.status).phrase)
        data = self._parser.send(response) or b""
        if self._wants_body:
            data += self._parser.send(h11.Data(data=body)) or b""
        data += self._parser.send(h11.EndOfMessage()) or b""
        self._writer.write(data)
        await self._writer.drain()

    async def linger(self) -> None:
        """Let the other side close first: to close on bytes that it still sends would take its answer away."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        for _ in range(LINGER_CHUNKS):
            if not await self._reader.read(_CHUNK):
                return


def _head(came: h11.Request) -> Request:
    path, _, query = came.target.decode("ascii", "replace").partition("?")
    headers: dict[str, str] = {}
    for name, value in came.headers:
        headers.setdefault(name.decode("ascii"), value.decode("latin-1"))
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_BYTES:
        raise Refused(_TOO_LARGE)
    return Request(came.method.decode("ascii"), path, query, headers)
