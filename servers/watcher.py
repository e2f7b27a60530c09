"""Where the system cannot tie a child's life to its parent's (macOS), a small process does.

It reads a pipe that ends with the supervisor, and then ends the servers it was told of.

Run as `python -m servers.watcher`; each line on standard input lists the pids that run now.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import BinaryIO

from servers.own_modules import environ_for_own_modules
from servers.processes import ON_LINUX


class Watcher:
    """The supervisor's end of the pipe. Does nothing where it is not `needed`."""

    def __init__(self, *, needed: bool = not ON_LINUX) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if needed:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "servers.watcher"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                cwd="/",
                env=environ_for_own_modules(),
            )

    def mind(self, pids: list[int]) -> None:
        """From now on these are the ones to kill."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(" ".join(map(str, pids)).encode() + b"\n")
                self._process.stdin.flush()

    def end(self) -> None:
        """There is nothing left to watch over."""
        self.mind([])
        if self._process is not None:
            self._process.communicate()


def kill_at_end(lines: BinaryIO) -> None:
    """Read to the end, then kill the pids of the last line. SIGQUIT is PostgreSQL's immediate shutdown."""
    pids: list[int] = []
    for line in lines:
        pids = [int(word) for word in line.split()]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only the pipe's end counts
    kill_at_end(sys.stdin.buffer)
