"""Worker processes on a room's servers: Dramatiq's own command line in a session of its own, its lines in a file.

It must not know what the actors do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

#: Seconds to wait for something that takes far less on an idle machine.
DEADLINE_S = 30.0
_PAUSE_S = 0.02

Found = TypeVar("Found")


class NotInTime(AssertionError):
    """Something that was waited for did not come."""


def until(look: Callable[[], Found], what: str, within_s: float = DEADLINE_S) -> Found:
    """The first truthy answer of `look`. Raises NotInTime naming `what`."""
    deadline_s = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > deadline_s:
            raise NotInTime(f"{what}: not within {within_s:g} s, last seen: {found!r}")
        time.sleep(_PAUSE_S)
    return found


class Troupe:
    """One `dramatiq` command with its children. They outlive nobody: `kill` ends them all."""

    def __init__(self, argv: Sequence[str], *, environ: Mapping[str, str], folder: Path, log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *argv],
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its log lines of that event."""
        found = []
        for line in self.text().splitlines():
            with suppress(ValueError):
                parsed = json.loads(line)
                if isinstance(parsed, dict) and parsed.get("event") == name:
                    found.append(parsed)
        return found

    def pids(self) -> list[int]:
        """Its worker processes that live: children of Dramatiq's master that are no forks of ours."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            listed = [int(pid) for pid in children.read_text(encoding="ascii").split()]
        except OSError:
            return []
        registered = {int(line["pid"]) for line in self.events("worker_registered")}
        return [pid for pid in listed if pid in registered]

    @property
    def ended(self) -> bool:
        """Whether the command itself has ended."""
        return self.process.poll() is not None

    def stop(self, within_s: float = DEADLINE_S) -> int:
        """A graceful stop; gives the exit code. Raises subprocess.TimeoutExpired."""
        if not self.ended:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """SIGKILL to all of it; gone when this returns."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)
        until(lambda: not _group_runs(self.process.pid), "the end of killed processes")


def workers_argv(broker: str, modules: Sequence[str], *, processes: int = 1, threads: int = 4) -> list[str]:
    """Dramatiq's command line."""
    return ["-m", "dramatiq", "-p", str(processes), "-t", str(threads), broker, *modules]


def _group_runs(group: int) -> bool:
    """Whether any process of the group still runs; zombies wait for init and run no more."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError):
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                state, _, of_group = stat[stat.rindex(")") + 2 :].split()[:3]
                if int(of_group) == group and state != "Z":
                    return True
    return False
