"""A reading with a deadline: asked in a thread that keeps its connection, waited for no longer than a scrape can.

It must not know what is read. A server that hangs holds up its own thread, and is asked again once that is free.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from middleware import logs

Reading = TypeVar("Reading")


class BoundedReading(Generic[Reading]):
    """One thing that can be read, and may hang or fail. Says so in one line when that begins, and when it ends."""

    def __init__(self, name: str, read: Callable[[], Reading]) -> None:
        self._name = name
        self._read = read
        self._changed = threading.Condition()
        self._asked = 0
        self._answered = 0
        self._answer: Reading | None = None
        self._failing = False
        self._thread: threading.Thread | None = None

    def ask(self) -> int:
        """Have it read, beginning now or as soon as the reading under way has ended; gives the ticket to wait with."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"read-{self._name}", daemon=True)
                self._thread.start()
            self._asked += 1
            self._changed.notify_all()
            return self._asked

    def answer(self, ticket: int, deadline_s: float) -> Reading | None:
        """What was read for this ticket; None if it failed or has not come by `deadline_s` (monotonic)."""
        with self._changed:
            while self._answered < ticket:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not self._changed.wait(left_s):
                    self._told("no answer in time")
                    return None
            return self._answer

    def latest(self) -> Reading | None:
        """What the last reading gave, without waiting for one; None if it failed or there was none."""
        return self._answer

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._asked == self._answered:
                    self._changed.wait()
                ticket = self._asked
            answer = self._try()
            with self._changed:
                self._answer, self._answered = answer, ticket
                self._changed.notify_all()

    def _try(self) -> Reading | None:
        try:
            answer = self._read()
        except Exception as error:  # the edge: whatever a server's driver raises, the page comes without it
            self._told(error)
            return None
        self._failing = False
        return answer

    def _told(self, problem: str | Exception) -> None:
        if not self._failing:
            self._failing = True
            said = {"error": problem} if isinstance(problem, Exception) else {"problem": problem}
            logs.event("gauges_unreadable", "WARNING", reading=self._name, **said)
