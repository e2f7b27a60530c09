"""The demo's own processes: workers and the scheduler; started, started anew when one dies, ended.

It must not know what they work on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from policy.errors import CallboardError
from servers.own_modules import environ_for_own_modules
from servers.processes import Command, start

#: Worker processes, and threads of each: enough to show that they share the work, few enough for a laptop.
PROCESSES = 2
THREADS = 4
#: Workers that are told to end finish what they run, in s: at worst one SMTP conversation. Then they are killed.
_FINISH_S = 20
_PATIENCE_S = _FINISH_S + 5.0
#: So many deaths of one process without anything done in between: it cannot work at all.
_MOST_DEATHS = 5
_AGAIN_AFTER_S = 0.5


class WorkersKeepDying(CallboardError):
    """A process of the demo dies again and again; its log says why.

    Acts: an operator.
    """


@dataclass(slots=True)
class Crew:
    """The processes of a demo, by name, and how they are started. A context: they end with it."""

    home: Path
    commands: Mapping[str, Sequence[str]]
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _left: list[int] = field(default_factory=list)
    _deaths: int = 0
    _died_s: float = 0.0

    def __enter__(self) -> Crew:
        try:
            for name in self.commands:
                self._start(name)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # All are told before any is waited for, and told once: Dramatiq takes a second SIGTERM for "at once".
        for process in self._running.values():
            process.terminate()
        deadline_s = time.monotonic() + _PATIENCE_S
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline_s - time.monotonic()))
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
        for group in self._left:
            _signal_group(group, signal.SIGKILL)

    def log(self, name: str) -> Path:
        """Where the process writes."""
        return self.home / "log" / f"demo-{name}.log"

    def progressed(self) -> None:
        """Something was done: earlier deaths are forgiven."""
        self._deaths = 0

    def keep_alive(self) -> None:
        """Start anew what has died. Raises WorkersKeepDying when that does not help."""
        for name, process in list(self._running.items()):
            if process.poll() is None or time.monotonic() - self._died_s < _AGAIN_AFTER_S:
                continue
            self._deaths += 1
            self._died_s = time.monotonic()
            if self._deaths > _MOST_DEATHS:
                raise WorkersKeepDying(
                    f"the demo's {name} die again and again (exit {process.returncode}): see {self.log(name)}"
                )
            # Children of a master that was killed work on; they finish what they run and go.
            _signal_group(process.pid, signal.SIGTERM)
            self._left.append(process.pid)
            self._start(name)

    def _start(self, name: str) -> None:
        log = self.log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        # Processes start in the root folder: a home that is relative must become absolute.
        environ = environ_for_own_modules() | {"CALLBOARD_HOME": str(self.home)}
        self._running[name] = start(
            Command(self.commands[name], log, signal.SIGTERM, environ=environ, own_session=True)
        )


def crew(home: Path) -> Crew:
    """The workers (with the metrics endpoint beside them), and the scheduler."""
    callboard = [sys.executable, "-m", "scripts.main"]
    size = ["--processes", str(PROCESSES), "--threads", str(THREADS), "--shutdown-timeout", str(_FINISH_S)]
    commands: dict[str, Sequence[str]] = {
        "workers": [*callboard, "worker", "actors.demo", *size],
        "scheduler": [*callboard, "tick", "--every", "15", "--source", "demo"],
    }
    return Crew(home, commands)


def _signal_group(group: int, number: signal.Signals) -> None:
    """Signal what is left of a process's session; nothing left is no error."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
