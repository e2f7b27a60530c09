"""Servers, workers and callers of the recovery and poison benchmarks. It must not know what is measured."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from benchmarks.recovery_play import noted
from rehearsal.room import Places, Room, room
from rehearsal.troupe import Troupe, until, workers_argv
from servers import embedded

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Stage:
    """A ledger, a Redis, and the worker commands that have been started on them."""

    room: Room
    _troupes: list[Troupe] = field(default_factory=list)

    @property
    def world(self) -> Path:
        """What the outside world remembers."""
        return Path(self.room.environ["RECOVERY_FOLDER"])

    def workers(
        self, *, processes: int = 1, threads: int = 2, queues: str = "", environ: Mapping[str, str] = _NOTHING
    ) -> Troupe:
        """Start a worker command."""
        argv = workers_argv("actors.broker:setup", ["benchmarks.recovery_play"], processes=processes, threads=threads)
        troupe = Troupe(
            [*argv, *(["--queues", queues] if queues else [])],
            environ={**self.room.environ, **environ},
            folder=self.room.folder,
            log=self.room.folder / f"workers-{len(self._troupes)}.log",
        )
        self._troupes.append(troupe)
        return troupe

    def ready(self, troupe: Troupe, processes: int = 1) -> list[int]:
        """The pids of its worker processes, once they have all registered."""
        until(lambda: len(troupe.pids()) == processes, "registered workers", 120)
        return troupe.pids()

    def dispatch(self, count: int, first: int = 0, *words: str) -> None:
        """Dispatch so many jobs from a process of its own."""
        with (self.room.folder / "caller.log").open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "benchmarks.recovery_caller", str(count), str(first), *words],
                cwd=self.room.folder,
                env=dict(self.room.environ),
                stdout=log,
                stderr=subprocess.STDOUT,
                check=True,
            )

    def done(self) -> list[int]:
        """The numbers of the jobs whose effect has happened, once for each time."""
        return noted(self.world, "done")

    def end(self) -> None:
        """Kill what still runs."""
        for troupe in self._troupes:
            troupe.kill()


@contextmanager
def stage(settings: Mapping[str, str] = _NOTHING) -> Iterator[Stage]:
    """Servers of their own; everything is gone after the block. Raises ServersError."""
    with tempfile.TemporaryDirectory(prefix="cb-recovery-") as name:
        os.chmod(name, 0o755)  # PostgreSQL may run under an account of its own
        with embedded.running(Path(name) / "home") as servers:
            places = Places(servers.database_url, servers.redis_url, servers.smtp_url, servers.mail_dir)
            with room(places, Path(name) / "room", settings) as here:
                world = here.folder / "world"
                world.mkdir()
                environ = {**here.environ, "RECOVERY_FOLDER": str(world)}
                made = Stage(Room(here.folder, here.database_url, here.redis_url, here.mail_dir, environ))
                try:
                    yield made
                finally:
                    made.end()
