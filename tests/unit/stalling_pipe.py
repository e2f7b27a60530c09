"""A pipe whose reader stalls as long as a test wants, and outputs on it."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable

from middleware.line_output import LineOutput

DEADLINE_S = 20.0


class Pipe:
    """A pipe whose reader reads when it is told to; `written` is a text stream over its other end."""

    def __init__(self) -> None:
        self._read, end = os.pipe()
        self.written = io.TextIOWrapper(os.fdopen(end, "wb", 0), write_through=True, encoding="utf-8")

    def read(self, until: str) -> str:
        """Everything up to and with that text."""
        came = b""
        while until.encode() not in came:
            came += os.read(self._read, 65_536)
        return came.decode()

    def close_reader(self) -> None:
        os.close(self._read)
        self._read = -1

    def close(self) -> None:
        """Both ends; whoever still writes meets an error, not somebody else's file."""
        if self._read >= 0:
            self.close_reader()
        self.written.close()


class Framed:
    """Dramatiq's pipe: each write is one message of a connection."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def fileno(self) -> int:
        return self._pipe.written.fileno()

    def write(self, text: str) -> None:
        os.write(self.fileno(), text.encode())

    def flush(self) -> None:
        """Nothing is kept back."""


def output_on(stream: object, **changes: int) -> LineOutput:
    return LineOutput(stream, lambda dropped: f"dropped {dropped}\n", **changes)  # type: ignore[arg-type]


def until(look: Callable[[], bool]) -> None:
    deadline_s, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not look():
        assert time.monotonic() < deadline_s
        pause.wait(0.005)


def numbered(count: int, size: int = 100) -> list[str]:
    return [f"{number:06} ".ljust(size - 1, "x") + "\n" for number in range(count)]
