"""The checks of readiness: PostgreSQL, its schema, Redis. It must not know who asks, or how long they may take."""

from __future__ import annotations

from functools import lru_cache

import psycopg2
import redis

from middleware.configuration import connect_database, redis_url, settings_in_force
from middleware.health_checks import Check
from middleware.redis_broker import redis_client
from models.database import close_connection, query
from models.migrate import missing_migrations

#: Seconds that a probe waits for Redis, on its own thread.
_REDIS_TIMEOUT_S = 2.0


def server_checks() -> dict[str, Check]:
    """The checks by name."""
    return {"postgresql": postgresql, "schema": schema, "redis": redis_answers}


def postgresql() -> str | None:
    """Whether PostgreSQL takes statements that write."""
    connect_database(settings_in_force())
    try:
        (read_only,) = query("SELECT pg_is_in_recovery()")[0]
    except psycopg2.Error:
        close_connection()
        raise
    return "a standby: it takes no writes" if read_only else None


def schema() -> str | None:
    """Whether the schema has all that this code reads."""
    connect_database(settings_in_force())
    try:
        missing = missing_migrations()
    except psycopg2.Error:
        close_connection()
        raise
    if not missing:
        return None
    names = ", ".join(f"{one.version:04}" for one in missing[:3])
    return f"behind by {len(missing)} ({names}{' …' if len(missing) > 3 else ''}): run callboard migrate"


def redis_answers() -> str | None:
    """Whether Redis answers, and is not still reading its data."""
    _client().ping()
    return None


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis_client(redis_url(settings_in_force()), timeout_s=_REDIS_TIMEOUT_S)
