"""Worker processes under measurement, started with Dramatiq's own command line. It must not know the workload."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType

from typing_extensions import Self

from benchmarks.ground import Ground, RoundFailed, last_line
from benchmarks.play import GO_KEY, QUEUE, READY_KEY, SYSTEMS
from benchmarks.pythons import python_of
from servers.processes import Command, start

#: A worker that is not ready after so many s never will be.
_READY_WITHIN_S = 60.0
#: A graceful stop may take so long, in s.
_STOP_WITHIN_S = 30.0

_numbers = itertools.count(1)
#: Stands in the lines of Dramatiq's master.
_MASTER = "[dramatiq.MainProcess]"


class Running:
    """A command in a session of its own, ended with all its children when the block ends, or when we die."""

    def __init__(self, argv: Sequence[str], *, environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        command = Command(argv, log, signal.SIGTERM, environ=environ, own_session=True)
        self._process: subprocess.Popen[bytes] = start(command)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop(_STOP_WITHIN_S if error is None else 0.0)
        finally:
            self._kill()

    def check(self) -> None:
        """Raises RoundFailed when it has ended."""
        if self._process.poll() is not None:
            # The master's own last line comes before or after its worker's words.
            words = last_line(self.log, besides=_MASTER)
            raise RoundFailed(f"{self.log.stem} ended with {self._process.returncode}: {words}")

    def stop(self, within_s: float) -> None:
        """Ask for a graceful stop and wait so long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)

    def _kill(self) -> None:
        """Whatever is left of the session."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Workers(Running):
    """`dramatiq -p N -t N benchmarks.play:…` of one system, held at the barrier until `go`."""

    def __init__(
        self,
        system: str,
        ground: Ground,
        *,
        processes: int,
        threads: int,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        play = "callboard" if system == "callboard" else "bare"
        options = ["-p", str(processes), "-t", str(threads), "-Q", QUEUE]
        self._client = ground.redis()
        self._client.delete(READY_KEY, GO_KEY)
        super().__init__(
            [python_of(system, ground), "-m", "dramatiq", f"benchmarks.play:{play}", *options],
            environ=ground.environ(**SYSTEMS[system], **settings),
            log=ground.folder / f"{system}-{next(_numbers)}.log",
        )
        self.pids = self._ready(processes)

    def go(self) -> None:
        """Open the barrier."""
        self._client.set(GO_KEY, 1)

    def memory_mib(self) -> float:
        """Resident memory of a worker process, on average. The master and the metrics endpoint are not workers."""
        return sum(map(resident_mib, self.pids)) / len(self.pids)

    def _ready(self, processes: int) -> list[int]:
        deadline_s = time.monotonic() + _READY_WITHIN_S
        try:
            while self._client.llen(READY_KEY) < processes:
                self.check()
                if time.monotonic() > deadline_s:
                    raise RoundFailed(f"{self.log.stem} is not ready after {_READY_WITHIN_S:.0f} s: {self.log}")
                time.sleep(0.02)
        except BaseException:
            self._kill()
            raise
        return [int(pid) for pid in self._client.lrange(READY_KEY, 0, -1)]


def resident_mib(pid: int) -> float:
    """Resident memory of a process in MiB. Raises RoundFailed when it has gone."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    if not said.strip():
        raise RoundFailed(f"worker process {pid} has gone")
    return int(said) / 1024
