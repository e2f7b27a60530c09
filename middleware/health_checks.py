"""Whether the servers answer, asked on threads of their own so that an answer is there in time when they do not.

One thread a check, however many ask: a server that hangs holds up that thread alone. It must not know HTTP.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from middleware.logs import event

#: An answer so young, in s, is not asked for again.
FRESH_S = 1.0
#: While a server takes its time, its last answer counts for so long, in s.
STALE_S = 5.0

#: Gives None when all is well, else a reason; or raises what the server's driver raises.
Check = Callable[[], "str | None"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check found, when it was asked and how long that took; `reason` None is well."""

    reason: str | None
    asked_s: float
    took_ms: float


class Checks:
    """The checks of one process, by name."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._asking = {name: _Asking(name, check) for name, check in checks.items()}

    def ask(self) -> None:
        """Have those asked again whose answer is no longer fresh; waits for nothing."""
        for one in self._asking.values():
            one.ask()

    def settled(self) -> bool:
        """Whether every answer is fresh."""
        return all(one.fresh() for one in self._asking.values())

    def answers(self) -> dict[str, Answer]:
        """What is known now; a check that hangs says for how long."""
        return {name: one.known() for name, one in self._asking.items()}


class _Asking:
    """One check and the thread that makes it."""

    def __init__(self, name: str, check: Check) -> None:
        self._name, self._check = name, check
        self._wanted = threading.Event()
        self._last: Answer | None = None
        self._began_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"check-{name}", daemon=True)

    def ask(self) -> None:
        if self.fresh() or self._wanted.is_set():
            return
        if self._began_s is None:
            self._began_s = time.monotonic()
        self._wanted.set()
        if self._thread.ident is None:
            self._thread.start()

    def fresh(self) -> bool:
        last = self._last
        return last is not None and time.monotonic() - last.asked_s < FRESH_S

    def known(self) -> Answer:
        last, now_s = self._last, time.monotonic()
        if last is not None and now_s - last.asked_s <= STALE_S:
            return last
        began_s = self._began_s if self._began_s is not None else now_s
        return Answer(f"no answer for {now_s - began_s:.1f} s", began_s, (now_s - began_s) * 1000)

    def _run(self) -> None:
        while self._wanted.wait():
            asked_s = time.monotonic()
            reason = self._asked()
            self._tell(reason)
            self._last = Answer(reason, asked_s, round((time.monotonic() - asked_s) * 1000, 1))
            self._began_s = None
            self._wanted.clear()

    def _asked(self) -> str | None:
        try:
            return self._check()
        except Exception as error:
            # Whoever may ask may not read addresses and names of users: the line has the text, the answer the class.
            event("health_check_failed", "DEBUG", check=self._name, error=error)
            return f"does not answer ({type(error).__name__})"

    def _tell(self, reason: str | None) -> None:
        """One line when it turns bad, one when it is well again."""
        before = self._last.reason if self._last is not None else None
        if reason and not before:
            event("health_turned_bad", "WARNING", check=self._name, reason=reason)
        elif before and not reason:
            event("health_turned_good", check=self._name)
