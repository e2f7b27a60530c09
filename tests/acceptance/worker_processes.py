"""Worker processes under test: Dramatiq's own command line in a session of its own, its lines kept in a file.

It must not know what the actors do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.acceptance.waiting import until

Line = dict[str, Any]


class Workers:
    """One `dramatiq` (or `callboard worker`) with its children. Its log is all that it wrote to stdout and stderr."""

    def __init__(self, argv: Sequence[str], *, folder: Path, environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._master = subprocess.Popen(
                [sys.executable, *argv],
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """Everything written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def lines(self, event: str | None = None) -> list[Line]:
        """The lines that are JSON, all or those of one event; a line half written is left for later."""
        found = [line for line in map(_parsed, self.text.splitlines()) if line is not None]
        return [line for line in found if event is None or line.get("event") == event]

    def await_line(self, event: str, times: int = 1) -> Line:
        """The newest line of that event, once there are so many."""
        until(lambda: len(self.lines(event)) >= times, f"the line {event!r} in {self.log.name}")
        return self.lines(event)[-1]

    def ready(self, processes: int = 1) -> Workers:
        """Once its processes have registered in the ledger."""
        until(self._alive_and_registered(processes), f"{processes} registered workers in {self.log.name}")
        return self

    def _alive_and_registered(self, processes: int) -> Any:
        def look() -> bool:
            assert self._master.poll() is None, f"it ended with {self._master.returncode}:\n{self.text[-4000:]}"
            return len(self.lines("worker_registered")) >= processes

        return look

    def pids(self) -> list[int]:
        """Pids of the worker processes that have registered, oldest first."""
        return list(dict.fromkeys(int(line["pid"]) for line in self.lines("worker_registered")))

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._master.poll() is not None

    def terminate(self) -> None:
        """Ask for a graceful stop, as a supervisor does."""
        self._master.send_signal(signal.SIGTERM)

    def stop(self, within_s: float = 20.0) -> int:
        """A graceful stop; gives the exit code. Raises subprocess.TimeoutExpired."""
        if self._master.poll() is None:
            self.terminate()
        return self.wait(within_s)

    def wait(self, within_s: float = 20.0) -> int:
        """Its exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        return self._master.wait(within_s)

    def kill(self) -> None:
        """SIGKILL to the master and all its children at once; gone when this returns."""
        with suppress(ProcessLookupError):
            os.killpg(self._master.pid, signal.SIGKILL)
        self._master.wait(10)
        until(lambda: not _group_lives(self._master.pid), "the end of the killed processes")


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return any(
        _state(int(name)) not in ("", "Z") for name in os.listdir("/proc") if name.isdigit() and _group(name) == group
    )


def _group(pid: str) -> int:
    try:
        return os.getpgid(int(pid))
    except ProcessLookupError:
        return 0


def _state(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return stat[stat.rindex(")") + 2]


def _parsed(line: str) -> Line | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
