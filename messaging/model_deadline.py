"""Ends a request to a model's API at its deadline, whatever its answer is doing then. Knows sockets, no API.

The HTTP client's own limits are for each silence alone: headers or a body that trickle may last for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any


class Deadline:
    """The connection of one request, shut down when the time is over. The reader that waits on it wakes at once."""

    def __init__(self, timeout_s: float) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True
        self.passed = False

    def start(self) -> None:
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """The HTTP client's `trace` extension: each connection that is made, in the clear or not, is seen here."""
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        with self._lock:
            self._socket = info["return_value"].get_extra_info("socket")
            if self.passed:
                self._shut()

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # gone already
                self._socket.shutdown(socket.SHUT_RDWR)


#: The deadline of the request that this thread has under way.
_under_way: ContextVar[Deadline | None] = ContextVar("model_deadline", default=None)


@contextlib.contextmanager
def deadline(timeout_s: float) -> Iterator[Deadline]:
    """All that is asked within takes `timeout_s` seconds at most; raises TimeoutError in place of what then breaks.

    Only requests that pass `under_deadline` and make a connection of their own.
    """
    limit = Deadline(timeout_s)
    former = _under_way.set(limit)
    limit.start()
    try:
        yield limit
    except Exception:
        if not limit.passed:
            raise
        # Not chained: what a cut connection leaves says nothing, and may hold what was read.
        raise TimeoutError(f"the model's answer took longer than {timeout_s:g} s") from None
    finally:
        limit.cancel()
        _under_way.reset(former)


def under_deadline(request: Any) -> None:
    """The HTTP client's hook before each request: the deadline in force watches its connection."""
    limit = _under_way.get()
    if limit is not None:
        request.extensions["trace"] = limit.watch
