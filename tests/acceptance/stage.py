"""A stage: an emptied ledger and Redis, a folder with actors of the test's own, and workers started on them.

Rows are read on a connection of the test's own, with the columns that the contract names.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final
from uuid import UUID

import dramatiq
import psycopg2
import pytest
import redis
from psycopg2 import sql

from middleware import configuration, stack
from middleware.redis_broker import LedgerRedisBroker, redis_client
from models import database as db
from models.migrate import migrate
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers

ROOT: Final = Path(__file__).parents[2]
PLAYS: Final = Path(__file__).parent / "plays"
#: Quick repairs, so that tests need not wait for the patience that suits production.
QUICK: Final = {"CALLBOARD_RELAY_SECONDS": "0.1", "CALLBOARD_HEARTBEAT_SECONDS": "0.5", "CALLBOARD_LEASE_SECONDS": "10"}
FINAL_STATES: Final = ("succeeded", "dead", "cancelled", "discarded")

_numbers = itertools.count(1)

Row = tuple[Any, ...]


class Stage:
    """What one test module plays on. `broker` is the test process's own, for sending."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = environ
        self.redis = redis.Redis.from_url(redis_url, decode_responses=True)
        self.broker = LedgerRedisBroker(client=redis_client(redis_url), middleware=stack())
        self._database_url = database_url
        self._started: list[Workers] = []

    def bring(self, play: str) -> ModuleType:
        """Put `plays/<play>.py` into the folder, as a module of somebody's own, and import it for sending."""
        path = self.folder / f"{play}.py"
        shutil.copy(PLAYS / path.name, path)
        dramatiq.set_broker(self.broker)
        spec = importlib.util.spec_from_file_location(play, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def start(
        self,
        play: str,
        *,
        processes: int = 1,
        threads: int = 4,
        ready: bool = True,
        settings: Mapping[str, object] = MappingProxyType({}),
    ) -> Workers:
        """`dramatiq actors.broker:setup <play>`; settings by name without their prefix, as {"LEASE_SECONDS": 1}."""
        argv = ["-m", "dramatiq", "-p", str(processes), "-t", str(threads), "actors.broker:setup", play]
        workers = self.run(argv, settings)
        return workers.ready(processes) if ready else workers

    def command(self, *words: str, settings: Mapping[str, object] = MappingProxyType({})) -> Workers:
        """`callboard <words>`, in the folder and with this stage's environment."""
        return self.run(["-m", "scripts.main", *words], settings)

    def run(self, argv: Sequence[str], settings: Mapping[str, object] = MappingProxyType({})) -> Workers:
        """Any Python command line, in the folder and with this stage's environment."""
        environ = self.environ | {f"CALLBOARD_{name}": str(value) for name, value in settings.items()}
        log = self.folder / f"output-{next(_numbers)}.log"
        workers = Workers(argv, folder=self.folder, environ=environ, log=log)
        self._started.append(workers)
        return workers

    @property
    def started(self) -> Sequence[Workers]:
        """Every process started on this stage, in order."""
        return self._started

    def trace(self, name: str) -> list[str]:
        """What actors have noted under `name`, in order."""
        path = self.folder / "traces" / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def open_gate(self, name: str) -> None:
        """Let the actors that wait at this gate go on."""
        gate = self.folder / "gates" / name
        gate.parent.mkdir(exist_ok=True)
        gate.touch()

    def rows(self, statement: str, *params: object) -> list[Row]:
        """All rows of a statement, on a connection of its own. Raises psycopg2.OperationalError while it is away."""
        connection = psycopg2.connect(self._database_url, application_name="acceptance")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, params or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def value(self, statement: str, *params: object) -> Any:
        """The first column of the first row; None without one."""
        rows = self.rows(statement, *params)
        return rows[0][0] if rows else None

    def job(self, job_id: str, columns: str) -> Any:
        """Columns of one job; a single one is given bare."""
        row = self.rows(f"SELECT {columns} FROM background_job WHERE id = %s", UUID(job_id))[0]
        return row if len(row) > 1 else row[0]

    def attempts(self, job_id: str, columns: str = "status") -> list[Any]:
        """Columns of a job's attempts, by number; a single one is given bare."""
        rows = self.rows(
            f"SELECT {columns} FROM background_function_run WHERE job_id = %s ORDER BY attempt", UUID(job_id)
        )
        return [row if len(row) > 1 else row[0] for row in rows]

    def states(self, job_ids: Iterable[str]) -> dict[str, int]:
        """How many of these jobs are in which state."""
        return dict(
            self.rows(
                "SELECT state, count(*) FROM background_job WHERE id = ANY (%s::uuid[]) GROUP BY 1", list(job_ids)
            )
        )

    def letter(self, job_id: str) -> Any:
        """Reason, error class and resolution of a job's dead letter; None without one."""
        rows = self.rows("SELECT reason, error_class, resolution FROM dead_letter WHERE job_id = %s", UUID(job_id))
        return rows[0] if rows else None

    def await_state(self, job_ids: str | Iterable[str], *states: str, within_s: float = 15.0) -> None:
        """Until every one of these jobs is in one of `states`."""
        wanted = [UUID(one) for one in ([job_ids] if isinstance(job_ids, str) else job_ids)]

        def look() -> dict[str, int]:
            return dict(
                self.rows(
                    "SELECT coalesce(job.state, 'no row'), count(*) FROM unnest(%s::uuid[]) AS wanted (id)"
                    " LEFT JOIN background_job AS job USING (id) GROUP BY 1",
                    wanted,
                )
            )

        try:
            until(lambda: set(look()) <= set(states), "states", within_s)
        except AssertionError:
            raise AssertionError(f"not all {states} within {within_s} s but {look()}\n{self._last_lines()}") from None

    def await_end(self, job_ids: str | Iterable[str], within_s: float = 15.0) -> None:
        """Until every one of these jobs has reached a final state."""
        self.await_state(job_ids, *FINAL_STATES, within_s=within_s)

    def in_redis(self, queue: str = "default") -> int:
        """Copies that Redis has of a queue, ready or fetched."""
        return int(self.redis.hlen(f"dramatiq:{queue}.msgs"))

    def dead_in_redis(self, queue: str = "default") -> int:
        """Dead-letter entries of a queue."""
        return int(self.redis.zcard(f"dramatiq:{queue}.XQ"))

    def end_all(self) -> None:
        """Kill whatever still runs."""
        for workers in self._started:
            workers.kill()

    def close(self) -> None:
        """End all and let go of the servers."""
        self.end_all()
        self.broker.client.close()
        self.redis.close()
        db.close_connection()

    def _last_lines(self) -> str:
        return "\n".join(f"== {one.log.name}\n{one.text[-3000:]}" for one in self._started[-2:])


@contextmanager
def fresh_stage(folder: Path, server_url: str, redis_url: str, **settings: object) -> Iterator[Stage]:
    """A stage with a database of its own on that server; Redis is flushed. Also sets this process's environment."""
    with _database(server_url) as url, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CALLBOARD_") and "_TEST_" not in name]:
            patch.delenv(name)
        ours = {
            "CALLBOARD_DATABASE_URL": url,
            "CALLBOARD_REDIS_URL": redis_url,
            "CALLBOARD_HOME": str(folder / "home"),
            "CALLBOARD_METRICS_PORT": "0",
            "CALLBOARD_HEALTH_PORT": "0",
            "CALLBOARD_LOG_FORMAT": "json",
            **QUICK,
            **{f"CALLBOARD_{name}": str(value) for name, value in settings.items()},
        }
        for name, value in ours.items():
            patch.setenv(name, value)
        configuration.settings_in_force.cache_clear()
        db.connect(url)
        inherited = {name: value for name, value in os.environ.items() if "MULTIPROC" not in name}
        paths = {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
        stage = Stage(folder, url, redis_url, inherited | paths)
        stage.redis.flushall()
        former = dramatiq.broker.global_broker
        try:
            yield stage
        finally:
            stage.close()
            dramatiq.broker.global_broker = former
            configuration.settings_in_force.cache_clear()


@contextmanager
def _database(server_url: str) -> Iterator[str]:
    """A migrated database beside the one that the URL names; dropped afterwards, whoever is connected."""
    name = f"callboard_stage_{os.getpid()}_{next(_numbers)}"
    base, _, query = server_url.partition("?")
    url = base.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
    _administer(server_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        db.connect(url)
        migrate()
        db.close_connection()
        yield url
    finally:
        db.close_connection()
        _administer(server_url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(server_url: str, statement: sql.Composable) -> None:
    connection = psycopg2.connect(server_url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_ports() -> list[int]:
    """Local TCP ports of the connections that this process has open (proc(5), net/tcp)."""
    inodes = {target[8:-1] for target in _descriptors() if target.startswith("socket:[")}
    table = Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return [int(fields[1].rpartition(":")[2], 16) for line in table if (fields := line.split())[9] in inodes]


def _descriptors() -> Iterator[str]:
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            yield os.readlink(descriptor)
