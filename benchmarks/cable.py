"""A cable to a server that can be cut: a small TCP proxy that also swallows one chosen reply. Knows no protocol."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

#: Bytes forwarded at a time.
_PIECE = 65_536
#: Seconds to wait for the server behind; while it is away, callers are refused.
_CONNECT_S = 2.0


class Cable:
    """Listens on a port of loopback and forwards to `host:port` until closed."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._swallow: bytes | None = None
        #: Replies swallowed so far.
        self.swallowed = 0
        threading.Thread(target=self._accept, name="cable", daemon=True).start()

    def cut(self) -> int:
        """Break every connection that stands now; new ones are let through. Gives how many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _close(*pair)
        return len(pairs)

    def swallow_reply_to(self, part: bytes) -> None:
        """Forward the next request that holds `part`, and break its connection in the place of the reply."""
        self._swallow = part

    def close(self) -> None:
        """Let nobody through any more."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._behind, _CONNECT_S)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add((near, far))
            deaf = threading.Event()
            threading.Thread(target=self._ask, args=(near, far, deaf), daemon=True).start()
            threading.Thread(target=self._answer, args=(near, far, deaf), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(_PIECE):
                part = self._swallow
                if part is not None and part in data:
                    self._swallow = None
                    deaf.set()
                far.sendall(data)
        self._end(near, far)

    def _answer(self, near: socket.socket, far: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(_PIECE):
                if deaf.is_set():
                    self.swallowed += 1
                    break
                near.sendall(data)
        self._end(near, far)

    def _end(self, near: socket.socket, far: socket.socket) -> None:
        with self._lock:
            self._pairs.discard((near, far))
        _close(near, far)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextmanager
def cable_to(url: str) -> Iterator[tuple[Cable, str]]:
    """A cable to the server of this URL, and the URL that goes through it."""
    parts = urlsplit(url)
    cable = Cable(parts.hostname or "127.0.0.1", parts.port or 0)
    login, at, _ = parts.netloc.rpartition("@")
    try:
        yield cable, urlunsplit(parts._replace(netloc=f"{login}{at}127.0.0.1:{cable.port}"))
    finally:
        cable.close()
