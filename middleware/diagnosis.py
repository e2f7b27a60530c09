"""A doctor's round: settings, ledger, schema, Redis; a server that is away is a problem, and no reason to stop.

It must not know who asks, nor what is healthy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg2
import redis

from middleware.code_version import code_version
from middleware.configuration import connect_database, redis_url
from middleware.dead_queue_sync import sync
from middleware.redis_broker import redis_client
from models.migrate import missing_migrations
from models.readings.diagnosis import ledger_facts
from models.readings.paging import database_now
from models.readings.schema import Standing, schema_versions
from policy.dead_entries import Standing as EntryStanding
from policy.diagnosis import Problem, RedisFacts, ledger_problems, redis_problems, setting_problems
from policy.errors import ServersNotFound
from policy.settings import Settings

#: Seconds that the doctor waits for Redis, and spends on its dead queues.
_REDIS_TIMEOUT_S = 2.0
_DEAD_QUEUES_S = 2.0
_VERSION = re.compile(r"([0-9]+)\.([0-9]+)")


def diagnose(settings: Settings, clamped: Sequence[str]) -> list[Problem]:
    """All that is wrong, the settings first. Raises nothing that a server's absence explains."""
    problems = [*setting_problems(settings, clamped), *_lines_left(Path(settings.home))]
    try:
        connect_database(settings)
        address = redis_url(settings)
    except ServersNotFound as error:
        return [*problems, Problem("servers_unknown", "no servers are known", str(error))]
    found = list(_ledger(settings))
    problems += found
    blind = any(one.name in ("postgres_away", "schema_behind") for one in found)
    problems += _redis(address, ledger_answers=not blind)
    return problems


def _lines_left(home: Path) -> Iterator[Problem]:
    left = sorted((home / "run").glob("unwritten-*.log"))
    if left:
        text = f"{len(left)} process(es) ended with log lines that nobody took"
        yield Problem("log_lines_left", text, f"Read {left[0].parent}/unwritten-*.log, then delete them.")


def _ledger(settings: Settings) -> Iterator[Problem]:
    try:
        if missing_migrations():
            yield Problem(
                "schema_behind", "the database lacks migrations that this code brings", "Run `callboard migrate`."
            )
            return
        if any(one.standing is Standing.UNKNOWN for one in schema_versions()):
            newer = "the database has migrations that this code does not know"
            yield Problem("schema_ahead", newer, "Install the version of Callboard that migrated it.")
        yield from ledger_problems(ledger_facts(settings), settings, code_version())
    except psycopg2.OperationalError as error:
        told = str(error).strip().partition("\n")[0]
        remedy = "Start it (`callboard up`), or correct CALLBOARD_DATABASE_URL."
        yield Problem("postgres_away", f"PostgreSQL does not answer ({told})", remedy)


def _redis(address: str, *, ledger_answers: bool) -> list[Problem]:
    client = redis_client(address, timeout_s=_REDIS_TIMEOUT_S)
    try:
        return list(redis_problems(_redis_facts(client, ledger_answers=ledger_answers)))
    except redis.RedisError as error:
        remedy = "Start it (`callboard up`), or correct CALLBOARD_REDIS_URL; jobs wait in the ledger until then."
        return [Problem("redis_away", f"Redis does not answer ({type(error).__name__}: {error})", remedy)]
    finally:
        client.close()


def _redis_facts(client: redis.Redis, *, ledger_answers: bool) -> RedisFacts:
    told = client.info()
    version = _VERSION.match(str(told.get("redis_version", "")))
    append_only = told.get("aof_enabled")
    skew_s, strays = 0.0, 0
    if ledger_answers:
        skew_s = _skew_s(client)
        strays = sync(client, repair=False, seconds_max=_DEAD_QUEUES_S).found[EntryStanding.STRAY.value]
    return RedisFacts(
        version=(int(version[1]), int(version[2])) if version else None,
        eviction=told.get("maxmemory_policy"),
        append_only=None if append_only is None else bool(append_only),
        skew_s=skew_s,
        strays=strays,
    )


def _skew_s(client: redis.Redis) -> float:
    """Redis's clock less the database's; what the two questions took stands in it, some milliseconds."""
    seconds, micros = client.time()
    return seconds + micros / 1e6 - database_now().timestamp()
