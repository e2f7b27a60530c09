"""The stage of a chaos run: servers behind cables, workers that a keeper starts again, and how each fault is made."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import redis
from dramatiq.common import current_millis

from benchmarks.cable import Cable, cable_to
from benchmarks.chaos_plan import Event, Fault
from middleware.redis_broker import LedgerRedisBroker, redis_client
from rehearsal.room import Places, Room, room
from rehearsal.troupe import Troupe, workers_argv
from servers import embedded
from servers.server import Mode

#: Worker commands, each with one process of so many threads.
TROUPES = 2
_THREADS = 4
_QUEUE = "chaos"
#: A host whose clock is so wrong, in ms, calls every other broker dead.
_SKEW_MS = 300_000


class Stage:
    """Servers, workers and cables of one run."""

    def __init__(self, servers: embedded.Servers, here: Room, cables: Mapping[str, Cable]) -> None:
        self.room = here
        self.made: Counter[str] = Counter()
        self._servers = servers
        self._cables = cables
        self._troupes: list[Troupe] = []
        self._started = 0
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._makers = {
            Fault.KILL_WORKER: self._kill_worker,
            Fault.STOP_WORKER: self._stop_worker,
            Fault.CUT_REDIS: lambda event: cables["redis"].cut(),
            Fault.CUT_POSTGRES: lambda event: cables["postgres"].cut(),
            Fault.FLUSH_REDIS: self._flush_redis,
            Fault.RESTART_REDIS: lambda event: self._restart("valkey", "fast"),
            Fault.RESTART_POSTGRES: lambda event: self._restart("postgres", "fast"),
            Fault.KILL_REDIS: lambda event: self._restart("valkey", "kill"),
            Fault.KILL_POSTGRES: lambda event: self._restart("postgres", "kill"),
            Fault.SKEWED_CLOCK: self._skew_clock,
        }

    def begin(self) -> None:
        """Start the workers and their keeper."""
        for _ in range(TROUPES):
            self._troupes.append(self._troupe())
        self._keeper.start()

    def make(self, event: Event) -> None:
        """Let it happen. A fault that meets nothing (a worker that is only just starting) is not counted."""
        try:
            self._makers[event.fault](event)
        except (redis.RedisError, OSError):
            return
        self.made[event.fault.value] += 1

    def stop_workers(self) -> None:
        """A graceful stop of all, and no new ones."""
        self._ending.set()
        self._keeper.join(30)
        for troupe in self._troupes:
            with suppress(OSError):
                troupe.process.send_signal(signal.SIGTERM)
        for troupe in self._troupes:
            with suppress(Exception):
                troupe.process.wait(30)

    def end(self) -> None:
        """Kill what is left."""
        self._ending.set()
        self._keeper.join(30)
        for troupe in self._troupes:
            troupe.kill()

    def _keep(self) -> None:
        """What a supervisor does: start again what has ended."""
        while not self._ending.wait(0.2):
            for place, troupe in enumerate(self._troupes):
                if troupe.ended:
                    self._troupes[place] = self._troupe()

    def _troupe(self) -> Troupe:
        self._started += 1
        return Troupe(
            workers_argv("actors.broker:setup", ["benchmarks.chaos_play"], threads=_THREADS),
            environ=self.room.environ,
            folder=self.room.folder,
            log=self.room.folder / f"workers-{self._started}.log",
        )

    def _worker(self, event: Event) -> int:
        """A pid of one of the workers that live. Raises ProcessLookupError where none does."""
        pids = sorted(pid for troupe in self._troupes for pid in troupe.pids())
        if not pids:
            raise ProcessLookupError
        return pids[event.worker % len(pids)]

    def _kill_worker(self, event: Event) -> None:
        os.kill(self._worker(event), signal.SIGKILL)

    def _stop_worker(self, event: Event) -> None:
        pid = self._worker(event)
        os.kill(pid, signal.SIGSTOP)

        def go_on() -> None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        threading.Timer(event.lasts_s, go_on).start()

    def _flush_redis(self, event: Event) -> None:
        with redis.Redis.from_url(self.room.redis_url) as client:
            client.flushall()

    def _restart(self, name: str, mode: Mode) -> None:
        server: embedded.Handle = getattr(self._servers, name)
        server.stop(mode)
        time.sleep(0.3)
        server.start()

    def _skew_clock(self, event: Event) -> None:
        """A host whose clock is minutes ahead does maintenance: what all others have in hand comes back."""
        with redis_client(self.room.redis_url) as client:
            broker = LedgerRedisBroker(client=client, middleware=[])
            for name in (_QUEUE, f"{_QUEUE}.DQ"):
                args: list[str | int] = ["qsize", current_millis() + _SKEW_MS, name, broker.broker_id]
                args += [broker.heartbeat_timeout, broker.dead_message_ttl, 1, 100]
                broker.scripts["dispatch"](keys=[broker.namespace], args=args)


@contextmanager
def stage(settings: Mapping[str, str]) -> Iterator[Stage]:
    """Durable servers of their own, reached through cables; everything is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="cb-chaos-") as name, ExitStack() as stack:
        os.chmod(name, 0o755)  # PostgreSQL may run under an account of its own
        servers = stack.enter_context(embedded.running(Path(name) / "home"))
        valkey, redis_url = stack.enter_context(cable_to(servers.redis_url))
        places = Places(servers.database_url, servers.redis_url, servers.smtp_url, servers.mail_dir)
        here = stack.enter_context(room(places, Path(name) / "room", settings))
        postgres, database_url = stack.enter_context(cable_to(here.database_url))
        marks = here.folder / "world"
        marks.mkdir()
        environ = {
            **here.environ,
            "CALLBOARD_DATABASE_URL": database_url,
            "CALLBOARD_REDIS_URL": redis_url,
            "CHAOS_FOLDER": str(marks),
        }
        played = Stage(
            servers,
            Room(here.folder, here.database_url, here.redis_url, here.mail_dir, environ),
            {"postgres": postgres, "redis": valkey},
        )
        try:
            yield played
        finally:
            played.end()
