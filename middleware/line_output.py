"""Lines to a stream whose reader may stall: whoever writes never waits, what does not fit is kept, drops are counted.

A line that the stream takes at once goes out at once, so that a process killed the next moment has said it. While the
reader stalls, lines wait here, bounded, and a thread of its own hands them over. It must not know what a line says.
"""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TextIO

#: Bytes that a pipe or socket that polls as writable takes without making its writer wait (POSIX: PIPE_BUF), less the
#: frame that Dramatiq's pipe puts around a write.
AT_ONCE_BYTES = 4_096 - 16
#: Bytes that wait for a stalled reader; past them the oldest lines are given up: the last ones say what went wrong.
KEPT_BYTES = 1_048_576
#: Milliseconds between looks at whether the output has been told to end.
_LOOK_MS = 100


class LineOutput:
    """`stream`, or what `sys.stderr` is by then: Dramatiq swaps it after the fork. Raises what the stream raises.

    `told` makes the line that says how many lines were dropped, once the reader goes on.
    """

    def __init__(self, stream: TextIO | None, told: Callable[[int], str], *, kept_bytes: int = KEPT_BYTES) -> None:
        self._stream, self._told, self._kept_bytes = stream, told, kept_bytes
        self._target: _Target | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """A forked child: what waits is its parent's to write, and so is the lock."""
        # Reentrant: a signal handler may write a line in the middle of another.
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        #: Lines given up so far because the reader stalled.
        self.dropped = 0
        self._untold = 0
        self._handing_over = False
        self._idle = threading.Event()
        self._idle.set()

    def write(self, text: str) -> None:
        """One line, or several that are one piece of at most `AT_ONCE_BYTES`. Never waits."""
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            target = self._targeted()
            if not self._handing_over and self._caught_up(target) and target.takes(len(data)):
                target.put(data)
            else:
                self._keep(data)

    def write_all(self, lines: Iterable[str]) -> None:
        """Many lines in few writes: a stream that frames each write is asked once for about ten lines."""
        piece: list[str] = []
        size = 0
        for line in lines:
            length = len(line) if line.isascii() else len(line.encode("utf-8", "backslashreplace"))
            if piece and size + length > AT_ONCE_BYTES:
                self.write("".join(piece))
                piece, size = [], 0
            piece.append(line)
            size += length
        if piece:
            self.write("".join(piece))

    def flush(self, within_s: float) -> bytes:
        """Wait until nothing waits, at most so long; gives what is left then, to be put elsewhere."""
        if self._idle.wait(within_s):
            return b""
        with self._lock:
            left = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            return left

    def _keep(self, data: bytes) -> None:
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        while self._waiting_bytes > self._kept_bytes:
            gone = self._waiting.popleft()
            self._waiting_bytes -= len(gone)
            lines = gone.count(b"\n")
            self.dropped += lines
            self._untold += lines
        if not self._handing_over:
            self._idle.clear()
            try:
                self._handing_over = True
                threading.Thread(target=self._hand_over, name="log-lines", daemon=True).start()
            except (RuntimeError, MemoryError):  # no thread to be had now: the next line asks again
                self._handing_over = False

    def _caught_up(self, target: _Target) -> bool:
        """Whether nothing waits, once what could not be handed over has been tried: lines keep their order."""
        if not self._waiting:
            return True
        while self._waiting and target.takes(len(self._telling()) + len(self._waiting[0])):
            target.put(self._next())
        if self._waiting:
            return False
        self._idle.set()
        return True

    def _hand_over(self) -> None:
        try:
            while self._handed_one():
                pass
        except BaseException:
            # Else every later line would wait for this thread. The next one starts another.
            with self._lock:
                self._handing_over = False
            raise

    def _handed_one(self) -> bool:
        with self._lock:
            if not self._waiting:
                self._handing_over = False
                self._idle.set()
                return False
            target, data = self._targeted(), self._next()
        # Outside the lock: this may wait for as long as the reader stalls.
        try:
            target.put_patiently(data)
        except Exception:  # the reader has gone for good, or what stands for the stream is none
            self.dropped += data.count(b"\n")
        return True

    def _next(self) -> bytes:
        """The line that has waited longest, behind the one that tells of those given up."""
        told, self._untold = self._telling(), 0
        data = self._waiting.popleft()
        self._waiting_bytes -= len(data)
        return told + data

    def _telling(self) -> bytes:
        return self._told(self._untold).encode() if self._untold else b""

    def _targeted(self) -> _Target:
        stream = self._stream or sys.stderr
        if self._target is None or self._target.stream is not stream:
            self._target = _Target(stream)
        return self._target


class _Target:
    """A stream, and what it may be asked: whether it takes a write without making its writer wait."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._poll: select.poll | None = None
        self._descriptor: int | None = None
        descriptor = _descriptor(stream)
        if descriptor is None:
            return
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        # Dramatiq's pipe frames each write; what is a text stream can be written to beneath its buffer.
        if isinstance(stream, io.TextIOBase):
            self._descriptor = descriptor

    def takes(self, size_bytes: int) -> bool:
        """Whether a write of that size goes through at once. A reader that has gone takes it, and it raises."""
        if self._poll is None:
            return True
        return size_bytes <= AT_ONCE_BYTES and bool(self._poll.poll(0))

    def put(self, data: bytes) -> None:
        """Write all of it."""
        if self._descriptor is None:
            self.stream.write(data.decode())
            self.stream.flush()
            return
        while data:
            data = data[os.write(self._open(self._descriptor), data) :]

    def put_patiently(self, data: bytes) -> None:
        """Write all of it, in pieces that go through at once where the stream can be written to in pieces."""
        if self._descriptor is None or self._poll is None:
            self.put(data)
            return
        while data:
            if self._poll.poll(_LOOK_MS):
                data = data[os.write(self._open(self._descriptor), data[:AT_ONCE_BYTES]) :]

    def _open(self, descriptor: int) -> int:
        # The number of a closed one is given to the next file that somebody opens.
        if self.stream.closed:
            raise ValueError("the stream has been closed")
        return descriptor


def _descriptor(stream: TextIO) -> int | None:
    """The descriptor of a stream that can stall: a pipe, a socket, a terminal; None for files and what is none."""
    try:
        descriptor = stream.fileno()
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except (AttributeError, OSError, ValueError):
        return None
    return None if regular else descriptor
