"""The world of one fault on one system: servers behind cables, workers, senders, and what has happened in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import redis

from benchmarks.cable import Cable, cable_to
from benchmarks.faults_play import QUEUE
from rehearsal.room import Places, Room, room
from rehearsal.troupe import Troupe, until, workers_argv
from servers import embedded

STOCK = "stock"
OURS = "callboard"
_BROKERS = {STOCK: "benchmarks.faults_play:stock", OURS: "benchmarks.faults_play:ours"}
#: Names of a job's argument, so that it can be found in whatever Redis holds.
_MARK = "job-"


@dataclass(slots=True)
class World:
    """One system with its servers. `expected`: names of the jobs that are to be done once each, in the end."""

    system: str
    servers: embedded.Servers
    room: Room
    redis_cable: Cable
    database_cable: Cable
    watch_s: float
    expected: list[str] = field(default_factory=list)
    fault_s: float = 0.0
    troupes: list[Troupe] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The outside world's memory."""
        return Path(self.room.environ["FAULTS_FOLDER"])

    def workers(self, mishap: str = "", *, threads: int = 4, armed: Mapping[str, str] = MappingProxyType({})) -> Troupe:
        """Start a worker process; in it goes wrong what `mishap` says."""
        troupe = Troupe(
            workers_argv(_BROKERS[self.system], [], threads=threads),
            environ={**self.room.environ, "FAULTS_MISHAP": mishap, **armed},
            folder=self.room.folder,
            log=self.room.folder / f"workers-{len(self.troupes)}.log",
        )
        self.troupes.append(troupe)
        until(lambda: troupe.ended or "ready for action" in troupe.text(), "a worker that is ready")
        return troupe

    def names(self, count: int, start: int = 0) -> list[str]:
        """Names of so many jobs, which are expected to be done."""
        names = [f"{_MARK}{number}." for number in range(start, start + count)]
        self.expected += names
        return names

    def send(
        self,
        actor: str,
        args: Sequence[object],
        *,
        key: str | None = None,
        delay_ms: int | None = None,
        wait: bool = True,
    ) -> subprocess.Popen[bytes]:
        """Send one job from a process of its own."""
        job = json.dumps({"args": list(args), "key": key, "delay_ms": delay_ms})
        system = STOCK if self.system == STOCK else "ours"
        with (self.room.folder / "senders.log").open("ab") as log:
            sender = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.faults_sender", system, actor, job],
                cwd=self.room.folder,
                env={**self.room.environ},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if wait:
            sender.wait(60)
        return sender

    def send_many(self, actor: str, names: Sequence[str], *args: object, delay_ms: int | None = None) -> None:
        """Send many, in one process."""
        self._run("many", actor, json.dumps({"jobs": [[name, *args] for name in names], "delay_ms": delay_ms}))

    def _run(self, *arguments: str) -> None:
        system = STOCK if self.system == STOCK else "ours"
        with (self.room.folder / "senders.log").open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "benchmarks.faults_sender", system, *arguments],
                cwd=self.room.folder,
                env={**self.room.environ},
                stdout=log,
                stderr=subprocess.STDOUT,
                check=True,
            )

    def strike(self) -> None:
        """The fault happens now: recovery is counted from here."""
        self.fault_s = time.monotonic()

    def started(self, names: Sequence[str] | None = None) -> list[str]:
        """Those jobs that have begun."""
        return [name for name in names or self.expected if (self.folder / f"started-{name}").exists()]

    def times_done(self, name: str) -> int:
        """How often a job's effect has happened."""
        path = self.folder / f"done-{name}"
        return len(path.read_text(encoding="ascii").splitlines()) if path.exists() else 0

    def kill_worker(self, troupe: Troupe) -> None:
        """SIGKILL to the processes that work; whoever supervises them starts others."""
        troupe.kill()

    def signal_worker(self, troupe: Troupe, number: signal.Signals) -> None:
        """A signal to the processes that work, not to their master."""
        for pid in _children(troupe.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def supervise(self, until_s: float) -> None:
        """Start workers again that have ended, as long as jobs are left and the time is not over."""
        while time.monotonic() < until_s and not self.all_done():
            if self.troupes[-1].ended:
                self.workers()
            time.sleep(0.1)

    def all_done(self) -> bool:
        """Whether every expected job has had its effect."""
        return all(self.times_done(name) for name in self.expected)

    def in_redis(self) -> set[str]:
        """Expected jobs that stand anywhere in Redis."""
        found = set()
        with redis.Redis.from_url(self.servers.redis_url) as client:
            for key in client.scan_iter(count=1000):
                if client.type(key) == b"hash":
                    bodies = b"\n".join(client.hvals(key))
                    found |= {name for name in self.expected if name.encode() in bodies}
        return found

    def push_raw(self, redis_id: str, data: bytes) -> None:
        """Bytes on the queue, whatever they are."""
        with redis.Redis.from_url(self.servers.redis_url) as client:
            client.hset(f"dramatiq:{QUEUE}.msgs", redis_id, data)
            client.rpush(f"dramatiq:{QUEUE}", redis_id)

    def end(self) -> None:
        """Kill what still runs."""
        for troupe in self.troupes:
            self.signal_worker(troupe, signal.SIGCONT)
            troupe.kill()


@contextmanager
def world(
    system: str, servers: embedded.Servers, folder: Path, watch_s: float, settings: Mapping[str, str]
) -> Iterator[World]:
    """A world for one fault, emptied; its workers reach Redis and PostgreSQL through cables."""
    places = Places(servers.database_url, servers.redis_url, servers.smtp_url, servers.mail_dir)
    with (
        room(places, folder, settings) as here,
        cable_to(servers.redis_url) as (redis_cable, redis_url),
        cable_to(here.database_url) as (database_cable, database_url),
    ):
        memory = folder / "world"
        memory.mkdir()
        environ = {
            **here.environ,
            "CALLBOARD_DATABASE_URL": database_url,
            "CALLBOARD_REDIS_URL": redis_url,
            "FAULTS_FOLDER": str(memory),
        }
        made = World(
            system,
            servers,
            Room(here.folder, here.database_url, here.redis_url, here.mail_dir, environ),
            redis_cable,
            database_cable,
            watch_s,
        )
        try:
            yield made
        finally:
            made.end()


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in listed.split()]
