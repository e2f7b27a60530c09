"""One line of progress that is rewritten in place on a terminal; in a pipe nothing is written."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

#: Seconds between two rewritings: faster nobody reads.
_EVERY_S = 0.1


class Progress:
    """The line at the foot of a terminal. Written to standard error, so that results can be piped all the same."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._on_terminal = self._stream.isatty()
        self._shown_s = 0.0
        self._open = False

    def show(self, text: str, *, at_once: bool = False) -> None:
        """Replace the line, at most ten times a second unless it must be `at_once`."""
        now_s = time.monotonic()
        if not self._on_terminal or (now_s - self._shown_s < _EVERY_S and not at_once):
            return
        self._shown_s, self._open = now_s, True
        width = shutil.get_terminal_size().columns
        self._stream.write(f"\r\x1b[K{text[: width - 1]}")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._open:
            self._open = False
            self._stream.write("\r\x1b[K")
            self._stream.flush()
