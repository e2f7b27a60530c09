"""A room to rehearse in: a database of its own on given servers, an emptied Redis, a folder for logs and marks.

It must not know what is played in it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import psycopg2
import redis
from psycopg2 import sql

from models import database as db
from models.migrate import migrate

#: Where the project's packages are.
ROOT: Final = Path(__file__).parents[1]
#: Beats, leases and relays as quick as a busy machine allows: a lost worker is recovered within two seconds.
QUICK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CALLBOARD_HEARTBEAT_SECONDS": "0.25",
        "CALLBOARD_LEASE_SECONDS": "1.25",
        "CALLBOARD_RELAY_SECONDS": "0.05",
    }
)

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Places:
    """Servers that somebody runs: their URLs, and the folder in which the mail sink keeps what it accepted."""

    database_url: str
    redis_url: str
    smtp_url: str
    mail_dir: Path


@dataclass(frozen=True, slots=True)
class Room:
    """A ledger, a Redis and a mail sink, and the environment of every process that works with them."""

    folder: Path
    database_url: str
    redis_url: str
    mail_dir: Path
    environ: Mapping[str, str]

    def rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """All rows of a statement, on a connection of its own. Raises psycopg2.OperationalError while it is away."""
        connection = psycopg2.connect(self.database_url, application_name="rehearsal")
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

    def mails(self) -> int:
        """How many mails the sink has accepted, in all rooms."""
        return sum(1 for entry in self.mail_dir.iterdir() if entry.is_file()) if self.mail_dir.exists() else 0


@contextmanager
def room(places: Places, folder: Path, settings: Mapping[str, str] = QUICK) -> Iterator[Room]:
    """A migrated database beside the one that the URL names, dropped afterwards; Redis is flushed before.

    This process's own `models.database` points at it during the block, and at nothing after it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _database(places.database_url) as url:
        with redis.Redis.from_url(places.redis_url) as client:
            client.flushdb()
        environ = {name: value for name, value in os.environ.items() if not _is_ours(name)} | {
            "CALLBOARD_DATABASE_URL": url,
            "CALLBOARD_REDIS_URL": places.redis_url,
            "CALLBOARD_SMTP_URL": places.smtp_url,
            "CALLBOARD_HOME": str(folder / "home"),
            "CALLBOARD_METRICS_PORT": "0",
            "CALLBOARD_HEALTH_PORT": "0",
            "CALLBOARD_LOG_FORMAT": "json",
            "PYTHONPATH": os.pathsep.join([str(Path.cwd()), str(ROOT), os.environ.get("PYTHONPATH", "")]),
            **settings,
        }
        yield Room(folder, url, places.redis_url, places.mail_dir, MappingProxyType(environ))


def _is_ours(name: str) -> bool:
    """Settings of the calling process must not leak in; nor its metrics' folder."""
    return name.startswith("CALLBOARD_") or name == "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def _database(server_url: str) -> Iterator[str]:
    name = f"callboard_room_{os.getpid()}_{next(_numbers)}"
    base, _, query = server_url.partition("?")
    url = base.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
    _administer(server_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        db.close_connection()
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
