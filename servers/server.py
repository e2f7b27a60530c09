"""What is the same for every server process: start, become ready, stop, say where it is."""

from __future__ import annotations

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from servers import ports, processes
from servers.errors import PortTaken, StartFailed
from servers.home import Home
from servers.processes import Command
from servers.watch import Watch

#: How a server is stopped: after finishing its work, at once, or as if the machine had failed.
Mode = Literal["fast", "immediate", "kill"]
#: A server that is not ready after this many seconds has failed. A crash recovery may take that long.
READY_WITHIN_S = 60.0


class Server(ABC):
    """One server process on one loopback port. `start` may follow `stop`: same port, same data."""

    name: ClassVar[str]
    signals: ClassVar[Mapping[Mode, signal.Signals]]

    def __init__(self, home: Home, port: int) -> None:
        self.home = home
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._log = home.log(self.name)
        self._log_start = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients reach it."""

    @abstractmethod
    def command(self) -> Command:
        """How to run it."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves clients now; must not block for long."""

    def prepare(self, watch: Watch) -> None:  # noqa: B027  # most have nothing to do
        """Make its data ready for the first start."""

    def passing(self, said: str) -> bool:
        """Whether a start that ended with these words in the log is worth another try."""
        return False

    @property
    def pid(self) -> int | None:
        """The pid of the running process, or None."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def spawn(self) -> None:
        """Start the process without waiting for it. Raises PortTaken, or StartFailed if it cannot be run."""
        if not ports.is_free(self.port):
            raise PortTaken(f"{self.name}: port {self.port} is taken by another program")
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        try:
            self._process = processes.start(self.command())
        except OSError as error:
            raise StartFailed(f"{self.name} cannot be run: {error}") from error
        processes.note_pid(self.home.pid_file(self.name), self._process.pid)

    def await_ready(self, watch: Watch) -> None:
        """Wait until it answers. Raises PortTaken, StartFailed or Interrupted, with nothing left running."""
        try:
            in_time = watch.wait_for(lambda: self._answers_or_starts_again(watch), READY_WITHIN_S)
        except BaseException:
            self.stop("kill")
            raise
        if not in_time:
            self.stop("kill")
            raise StartFailed(f"{self.name} is not ready after {READY_WITHIN_S:.0f} s: see {self._log}")

    def _answers_or_starts_again(self, watch: Watch) -> bool:
        if self.pid is not None:
            return self.answers()
        if not self.passing(self._said()):
            if not ports.is_free(self.port):
                raise PortTaken(f"{self.name}: port {self.port} was taken by another program")
            raise StartFailed(f"{self.name} did not start ({self._complaint()}): see {self._log}")
        self.spawn()
        return False

    def start(self, watch: Watch) -> None:
        """Start it again and wait until it answers; nothing happens when it runs."""
        if self.pid is None:
            self.spawn()
            self.await_ready(watch)

    def stop(self, mode: Mode = "fast") -> None:
        """End the process and wait for its end; nothing happens when it does not run."""
        if self._process is not None:
            processes.end(self._process, self.signals[mode])
            self.home.pid_file(self.name).unlink(missing_ok=True)

    def end_leftover(self) -> None:
        """End the process that an earlier supervisor left, if it did."""
        processes.end_leftover(self.home.pid_file(self.name), self.signals["fast"])

    def tidy(self) -> None:  # noqa: B027  # most have nothing to do
        """Remove what is not to outlive this run; called after the last stop."""

    def _complaint(self) -> str:
        """The last line it logged in this run, FATAL ones first."""
        lines = [line.strip() for line in self._said().splitlines() if line.strip()]
        fatal = [line for line in lines if "FATAL" in line]
        return (fatal or lines or ["it said nothing"])[-1]

    def _said(self) -> str:
        """What was logged in this run; an earlier run's last processes may have had their word as well."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")
