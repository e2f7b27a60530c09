"""A whole SMTP server on loopback, in a thread of its own, that answers two steps as a test says."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

# It tells at length of clients that have had enough, which is what many tests are about.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

#: Seconds for what takes none.
_SOON_S = 10.0

#: What a server says at a step: its answer, or something that it does instead.
Answer = str | Callable[[SMTP], str]


class Server:
    """A handler that answers RCPT and the end of DATA as a test says, and keeps what it took."""

    def __init__(self, *, rcpt: Answer = "250 OK", data: Answer = "250 taken as 4711") -> None:
        self.taken: list[bytes] = []
        self.ends = 0
        self.authenticated: bool | None = None
        self.over = threading.Event()
        self._rcpt, self._data = rcpt, data

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await _said(self._rcpt, server)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.ends += 1
        self.authenticated = session.authenticated
        answer = await _said(self._data, server)
        if answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.taken.append(envelope.content)
        return answer


async def _said(answer: Answer, server: SMTP) -> str:
    return await asyncio.to_thread(answer, server) if callable(answer) else answer


Serve = Callable[..., str]


@contextmanager
def serving() -> Iterator[Serve]:
    """Gives what starts a server with a handler and gives its host and port; ends them all."""
    loop, handlers, ends = asyncio.new_event_loop(), [], []
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def start(handler: Server, *, ssl_context: ssl.SSLContext | None = None, **options: Any) -> str:
        def speak() -> SMTP:
            protocol = SMTP(handler, loop=loop, **options)

            def end() -> None:
                if protocol.transport is not None:
                    protocol.transport.close()

            ends.append(end)
            return protocol

        listening = loop.create_server(speak, "127.0.0.1", 0, ssl=ssl_context)
        server = asyncio.run_coroutine_threadsafe(listening, loop).result(_SOON_S)
        handlers.append(handler)
        ends.append(server.close)
        return f"localhost:{server.sockets[0].getsockname()[1]}"

    yield start
    for handler in handlers:
        handler.over.set()
    asyncio.run_coroutine_threadsafe(_end(ends), loop).result(_SOON_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_SOON_S)
    loop.close()


async def _end(ends: Sequence[Callable[[], object]]) -> None:
    """Close servers and connections, and let the loop finish what hangs on them."""
    for end in ends:
        end()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


def drop(server: SMTP) -> str:
    """Let the connection fall."""
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.loop.call_soon_threadsafe(server.transport.abort)
    return "250 never heard"
