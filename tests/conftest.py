"""The gate's servers: one embedded pair a session (or those of CALLBOARD_TEST_*_URL), a fresh database for each test.

With `-n auto` several sessions stand side by side, each with servers of its own. A missing server fails; nothing here
skips.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
import redis
from psycopg2 import sql

from middleware import configuration
from models import database as db
from models.migrate import migrate
from servers import embedded

#: Settings of the machine that runs the gate must not leak into tests.
_OURS = [name for name in os.environ if name.startswith("CALLBOARD_") and not name.startswith("CALLBOARD_TEST_")]
#: Sessions at once, also on two cores: half of the time a session waits for processes.
_SIDE_BY_SIDE = 3


# A shell that puts a command into the background has it ignore these two, and with it whatever a test starts.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


def pytest_xdist_auto_num_workers() -> int:
    """A Redis that was given is flushed by every test, so there can be one session only."""
    return 1 if "CALLBOARD_TEST_REDIS_URL" in os.environ else _SIDE_BY_SIDE


@pytest.fixture(scope="session")
def session_home() -> Iterator[Path]:
    """A short-pathed home for the session's servers, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="cb-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder) / "home"


@pytest.fixture(scope="session")
def servers(session_home: Path) -> Iterator[embedded.Servers]:
    """The session's servers; with CALLBOARD_TEST_*_URL set, those are used instead of embedded ones."""
    given = embedded.Given(
        database_url=os.environ.get("CALLBOARD_TEST_DATABASE_URL"),
        redis_url=os.environ.get("CALLBOARD_TEST_REDIS_URL"),
    )
    with embedded.running(session_home, given=given, durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def database_url(servers: embedded.Servers) -> Iterator[str]:
    """A database of this session's own, migrated to head."""
    name = f"callboard_test_{os.getpid()}"
    with _admin(servers.database_url) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    base, _, query = servers.database_url.partition("?")
    url = base.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
    db.connect(url)
    migrate()
    db.close_connection()
    yield url
    db.close_connection()
    with _admin(servers.database_url) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def redis_url(servers: embedded.Servers) -> str:
    """The session's Redis; tests flush the database it names."""
    return servers.redis_url


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str, redis_url: str
) -> Iterator[dict[str, str]]:
    """The environment of a process that uses the session's servers and a home of its own; set here, too."""
    for name in _OURS:
        monkeypatch.delenv(name)
    ours = {
        "CALLBOARD_DATABASE_URL": database_url,
        "CALLBOARD_REDIS_URL": redis_url,
        "CALLBOARD_HOME": str(tmp_path / "home"),
        "CALLBOARD_METRICS_PORT": "0",
        "CALLBOARD_HEALTH_PORT": "0",
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    configuration.settings_in_force.cache_clear()
    yield dict(os.environ)
    configuration.settings_in_force.cache_clear()


@pytest.fixture
def ledger_database(environment: dict[str, str]) -> Iterator[str]:
    """`models.database` connected to an emptied, migrated database; gives its URL."""
    url = environment["CALLBOARD_DATABASE_URL"]
    db.connect(url)
    _empty_database(url)
    yield url
    db.close_connection()


@pytest.fixture
def redis_client(environment: dict[str, str]) -> Iterator[redis.Redis]:
    """A client on an emptied Redis."""
    client = redis.Redis.from_url(environment["CALLBOARD_REDIS_URL"])
    client.flushdb()
    yield client
    client.close()


def _empty_database(url: str) -> None:
    """Take all rows away; the operators' log refuses that, so its triggers stand aside for the superuser."""
    with _admin(url) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "SELECT string_agg(format('%I', c.relname), ', ') FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND c.relname <> 'schema_migration'"
        )
        (tables,) = cursor.fetchone() or ("",)
        cursor.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")


@contextmanager
def _admin(url: str) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
