"""Lines of JSON between the supervisor and the process that started it. The channel's end is a message too."""

from __future__ import annotations

import json
import select
import socket
from typing import Any

#: No message is larger (bytes); a plan or what the supervisor tells is about one kilobyte.
LARGEST_BYTES = 65_536

Message = dict[str, Any]


class Channel:
    """One end of a stream socket. Not for several threads at once."""

    def __init__(self, end: socket.socket) -> None:
        self._socket: socket.socket | None = end
        self._received = b""

    def send(self, message: Message) -> bool:
        """Send one message; False when the other end is gone or this one closed."""
        if self._socket is None:
            return False
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def receive(self, patience_s: float) -> Message | None:
        """The next message; None when none came within `patience_s` or the other end is gone (see `left`)."""
        if self._socket is None:
            select.select([], [], [], patience_s)
            return None
        while b"\n" not in self._received:
            if not select.select([self._socket], [], [], patience_s)[0]:
                return None
            part = self._read()
            if not part:
                return None
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def left(self) -> bool:
        """Whether the other end is gone. False once this end is closed: then nobody is expected there."""
        if self._socket is None or b"\n" in self._received:
            return False
        if not select.select([self._socket], [], [], 0)[0]:
            return False
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def finish(self) -> None:
        """Say that no more will be sent; what the other end still says can be received."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:  # the other end was first
                return

    def close(self) -> None:
        """Close this end."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _read(self) -> bytes:
        assert self._socket is not None
        try:
            return self._socket.recv(LARGEST_BYTES)
        except OSError:
            return b""
