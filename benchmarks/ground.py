"""The servers and the folder that one run of a benchmark has for itself, gone when it ends however it ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
import redis
from psycopg2 import sql

from models import database
from models.migrate import migrate
from policy.errors import CallboardError
from servers import embedded
from servers.own_modules import environ_for_own_modules

#: Tables that a round of ours fills.
_TABLES = "background_job, background_function_run, dead_letter, worker"


class RoundFailed(CallboardError):
    """A part of the benchmark ended in error or stood still; its log says why.

    Acts: whoever runs the benchmark.
    """


@dataclass(frozen=True, slots=True)
class Ground:
    """Where systems are measured: PostgreSQL (fsync on) and Redis with their data, and a folder for logs.

    `bare_python`: the Python of bare Dramatiq, where it is measured (`benchmarks.pythons`).
    """

    database_url: str
    redis_url: str
    folder: Path
    bare_python: Path | None = None

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of a measured process; ours writes info logs as JSON and serves its metrics."""
        inherited = {k: v for k, v in environ_for_own_modules().items() if not k.startswith(("CALLBOARD_", "PROM"))}
        return {
            **inherited,
            "CALLBOARD_DATABASE_URL": self.database_url,
            "CALLBOARD_REDIS_URL": self.redis_url,
            "CALLBOARD_HOME": str(self.folder / "home"),
            "CALLBOARD_METRICS_PORT": str(_free_port()),
            "CALLBOARD_HEALTH_PORT": str(_free_port()),
            "CALLBOARD_LOG_FORMAT": "json",
            **more,
        }

    def run(self, module: str, *arguments: object, python: str = sys.executable, **environ: str) -> str:
        """What `python -m module …` prints, once it has ended. Raises RoundFailed."""
        command = [python, "-m", module, *map(str, arguments)]
        return self.run_command(command, log=f"{module}.log", environ=environ)

    def run_command(self, command: Sequence[str], *, log: str, environ: Mapping[str, str]) -> str:
        """The same for any command; its standard error goes to the log of that name."""
        path = self.folder / log
        with path.open("ab") as lines:
            done = subprocess.run(
                command, cwd=self.folder, env=self.environ(**environ), stdout=subprocess.PIPE, stderr=lines, check=False
            )
        if done.returncode != 0:
            raise RoundFailed(f"{' '.join(command[1:4])} ended with {done.returncode}: {last_line(path)}")
        return done.stdout.decode()

    def redis(self) -> redis.Redis:
        """A client of the measured Redis."""
        return redis.Redis.from_url(self.redis_url)

    def empty(self) -> None:
        """Forget everything of earlier rounds."""
        with self.redis() as client:
            client.flushdb()
        with administering(self.database_url) as cursor:
            cursor.execute(f"TRUNCATE {_TABLES}")

    def with_database(self, name: str, *, migrated: bool = True) -> Ground:
        """The same ground with a database of its own on the same server, made anew."""
        with administering(self.database_url) as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        other = replace(self, database_url=f"{self.database_url.rpartition('/')[0]}/{name}")
        if migrated:
            other.migrate()
        return other

    def with_redis_database(self, number: int) -> Ground:
        """The same ground on another database of the same Redis."""
        return replace(self, redis_url=f"{self.redis_url.rpartition('/')[0]}/{number}")

    def migrate(self) -> None:
        """Bring the schema to head."""
        database.connect(self.database_url)
        migrate()
        database.close_connection()


@contextmanager
def prepared(keep: Path) -> Iterator[Ground]:
    """Servers of their own, durable as in production, for the block; logs of a failed one go into the folder `keep`.

    Raises ServersError.
    """
    with tempfile.TemporaryDirectory(prefix="cb-bench-") as name:
        os.chmod(name, 0o755)  # PostgreSQL may run under an account of its own
        folder = Path(name)
        with embedded.running(folder / "home") as servers:
            ground = Ground(servers.database_url, servers.redis_url, folder)
            ground.migrate()
            try:
                yield ground
            except RoundFailed as error:
                raise RoundFailed(f"{error} (logs: {_kept(folder, keep)})") from error


def _kept(folder: Path, keep: Path) -> Path:
    """The logs of this run, copied where they outlive it; those of an earlier failure make room."""
    shutil.rmtree(keep, ignore_errors=True)
    keep.mkdir(parents=True)
    for log in [*folder.glob("*.log"), *folder.glob("home/log/*.log")]:
        shutil.copy(log, keep / log.name)
    return keep


@contextmanager
def administering(url: str) -> Iterator[psycopg2.extensions.cursor]:
    """A cursor that commits each statement."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def value(url: str, statement: str, *params: object) -> Any:
    """The first column of the first row of a statement, on a connection of its own."""
    with administering(url) as cursor:
        cursor.execute(statement, params or None)
        row = cursor.fetchone()
    return row[0] if row else None


def last_line(log: Path, besides: str | None = None) -> str:
    """The end of a log, for an error's one line; `besides`: what stands in lines that tell nothing."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    telling = [line for line in lines if besides is None or besides not in line] or lines
    return telling[-1][:500] if telling else "(it said nothing)"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
