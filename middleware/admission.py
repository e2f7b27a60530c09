"""Which label values from outside get a series of their own: the first so many on this host, for good.

It must not know metrics. A true top N cannot be counted (a series once shown must not shrink); the busiest
are, in all likelihood, among the first seen. Reasons: docs/decisions/0021.
"""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from threading import Lock
from typing import TextIO


class Admission:
    """A bounded set of values, shared by the processes of a host through a file that only grows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: set[str] = set()
        self._lock = Lock()

    @property
    def full(self) -> bool:
        """Whether no further value can be admitted."""
        return len(self._known) >= self.limit

    def knows(self, value: str) -> bool:
        """Whether `value` was admitted, as far as memory tells."""
        return value in self._known

    def admits(self, value: str, file: Path) -> bool:
        """Whether `value` is one of the first `limit`; raises OSError if the file cannot be opened.

        Asks the file only for a value not yet known, and not at all once the set is full.
        """
        if value in self._known:
            return True
        with self._lock:
            if len(self._known) < self.limit:
                with open(file, "a+", encoding="ascii") as shared:
                    fcntl.flock(shared, fcntl.LOCK_EX)
                    self._share(value, shared)
            return value in self._known

    def _share(self, value: str, shared: TextIO) -> None:
        shared.seek(0)
        self._known.update(_values(shared.read()))
        if value not in self._known and len(self._known) < self.limit:
            shared.write(json.dumps(value) + "\n")
            self._known.add(value)


def _values(text: str) -> set[str]:
    """One JSON string a line; a line cut short by a full disk is skipped."""
    found = set()
    for line in text.splitlines():
        try:
            found.add(str(json.loads(line)))
        except ValueError:
            continue
    return found
