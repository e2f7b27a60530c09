"""The connection to PostgreSQL that each thread keeps: how it is opened, and when it is given up for a new one.

It must not know statements; `models.database` executes them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import peewee
import psycopg2
import psycopg2.extensions
import psycopg2.extras
from peewee import PostgresqlDatabase
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]

#: A statement waits this long for a lock at most, in ms: a key in somebody's open transaction (docs/architecture.md).
LOCK_TIMEOUT_MS = 2_000
#: A statement of ours that runs longer is cut off, in ms: a database that hangs is a database that is away.
STATEMENT_TIMEOUT_MS = 30_000


class PreparedConnection(psycopg2.extensions.connection):
    """A psycopg2 connection that remembers which named statements it has prepared."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[str] = set()


class _Database(PostgresqlDatabase):
    """peewee's database whose connections can prepare; connects when first used in a thread."""


database = _Database(None)


def connect(
    url: str, *, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS, lock_timeout_ms: int = LOCK_TIMEOUT_MS
) -> None:
    """Point `database` at `url`; nothing is opened before a thread's first statement.

    Keepalives make a silently cut network visible within about 30 s. Named statements are planned once a connection
    (and again when statistics change): PostgreSQL chose to plan a dispatch anew each time, which took as long as all
    the rest of it (750 instead of 430 µs of its processor time). They always go by an index: a plan made while a table
    was empty, or said to be, would read it whole for every batch until the statistics are made anew (a third of the
    cost of a claim among 8,000 jobs). Readings without an index are still made, by a scan; its made-up cost
    would invite compilation, which is therefore off. So is the pruning of partitions: PostgreSQL 18.4 looks at
    a row that was changed meanwhile in the partition of another one, and may crash (docs/decisions/0071).
    """
    database.init(
        url,
        connection_factory=PreparedConnection,
        application_name="callboard",
        options=f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms} -c timezone=UTC"
        " -c idle_in_transaction_session_timeout=600000 -c plan_cache_mode=force_generic_plan"
        " -c enable_seqscan=off -c jit=off -c enable_partition_pruning=off",
        connect_timeout=5,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=30_000,
    )


def close_connection() -> None:
    """Close this thread's connection, if it has one."""
    if database.deferred or database.is_closed():
        return
    database.close()


@contextmanager
def only_reading() -> Iterator[None]:
    """Connections that this process opens meanwhile, in any thread, refuse to write; this thread's is opened anew.

    A transaction may still say `SET TRANSACTION READ WRITE` (see `undone`). Nothing else may stand open.
    """
    options = database.connect_params["options"]
    close_connection()
    database.connect_params["options"] = f"{options} -c default_transaction_read_only=on"
    try:
        yield
    finally:
        database.connect_params["options"] = options
        close_connection()


def thread_connection() -> PreparedConnection:
    """This thread's connection; outside of `atomic` one that broke, or is in a transaction of nobody, is replaced."""
    state = database._state  # type: ignore[attr-defined]  # not in the stubs
    kept = cast("PreparedConnection | None", state.conn)
    if kept is not None and (state.transactions or _is_idle(kept)):
        return kept
    with driver_errors():
        if kept is not None:
            drop(kept)
        return cast(PreparedConnection, database.connection())  # type: ignore[no-untyped-call]


def _is_idle(connection: PreparedConnection) -> bool:
    # A time limit or a stop can come between BEGIN and peewee's note of it: what is written then would be rolled back
    # at the connection's end, after its copies have gone out. The driver knows it without a round trip.
    return not connection.closed and connection.get_transaction_status() == TRANSACTION_STATUS_IDLE


def drop(connection: PreparedConnection) -> None:
    """Close it, whatever peewee believes to stand on it; the server rolls back."""
    connection.close()
    database._state.reset()  # type: ignore[attr-defined]  # not in the stubs


@contextmanager
def driver_errors() -> Iterator[None]:
    """peewee wraps the driver's errors when it connects, begins and commits; ours are the driver's everywhere."""
    try:
        yield
    except peewee.PeeweeException as error:
        if isinstance(driver_error := getattr(error, "orig", None), psycopg2.Error):
            raise driver_error from None
        raise


def _forget_connection() -> None:
    """A forked child leaves its parent's connection alone: the driver closes nothing that another process opened."""
    if not database.deferred:
        database._state.reset()  # type: ignore[attr-defined]  # not in the stubs


os.register_at_fork(after_in_child=_forget_connection)
