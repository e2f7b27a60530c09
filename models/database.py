"""The connection to PostgreSQL: one kept per thread, named statements prepared once, and `atomic`.

It must not know what the statements mean; `models.ledger` and `models.readings` do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, cast
from uuid import UUID

import peewee
import psycopg2
import psycopg2.extensions
import psycopg2.extras
from peewee import PostgresqlDatabase

from models.arrays import array_literal

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]

#: A statement waits this long for a lock at most, in ms: a key in somebody's open transaction (docs/architecture.md).
LOCK_TIMEOUT_MS = 2_000
#: A statement of ours that runs longer is cut off, in ms: a database that hangs is a database that is away.
STATEMENT_TIMEOUT_MS = 30_000

#: A statement that is a transaction of its own and lost to another (SQLSTATE class 40) is repeated so often.
_REPEATS = 3

Row = tuple[Any, ...]


class PreparedConnection(psycopg2.extensions.connection):
    """A psycopg2 connection that remembers which named statements it has prepared."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[str] = set()


class _Database(PostgresqlDatabase):
    """peewee's database whose connections can prepare; connects when first used in a thread."""


database = _Database(None)
_hooks = threading.local()


def connect(
    url: str, *, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS, lock_timeout_ms: int = LOCK_TIMEOUT_MS
) -> None:
    """Point `database` at `url`; nothing is opened before a thread's first statement.

    Keepalives make a silently cut network visible within about 30 s. Named statements are planned once a connection
    (and again when statistics change): PostgreSQL chose to plan a dispatch anew each time, which took as long as all
    the rest of it (750 instead of 430 µs of its processor time). They always go by an index: a plan made while a table
    was empty, or said to be, would read it whole for every batch until the statistics are made anew (a third of the
    cost of a claim among 8,000 jobs). Readings without an index are still made, by a scan; its made-up cost
    would invite compilation, which is therefore off.
    """
    database.init(
        url,
        connection_factory=PreparedConnection,
        application_name="callboard",
        options=f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms} -c timezone=UTC"
        " -c idle_in_transaction_session_timeout=600000 -c plan_cache_mode=force_generic_plan"
        " -c enable_seqscan=off -c jit=off",
        connect_timeout=5,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=30_000,
    )


def _forget_connection() -> None:
    """A forked child leaves its parent's connection alone: the driver closes nothing that another process opened."""
    if not database.deferred:
        database._state.reset()  # type: ignore[attr-defined]  # not in the stubs
        _hooks.__dict__.clear()


os.register_at_fork(after_in_child=_forget_connection)


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


@cache
def statement(name: str) -> str:
    """Text of `models/sql/<name>.sql`; parameters stand as `$1`, `$2`, …

    Raises FileNotFoundError for a name that has no file.
    """
    return (files("models") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def run(name: str, params: Sequence[object] = ()) -> list[Row]:
    """Execute the named statement on this thread's connection and give all its rows.

    It is prepared at its first use on a connection. Outside `atomic` it is a transaction of its own (one round
    trip), repeated on a deadlock or serialisation failure. Raises psycopg2.Error; a connection that broke is replaced
    by the next call.
    """
    for _ in range(_REPEATS):
        try:
            return _execute(name, params)
        except psycopg2.extensions.TransactionRollbackError:
            if in_transaction():
                raise
    return _execute(name, params)


def _execute(name: str, params: Sequence[object]) -> list[Row]:
    connection = _connection()
    with connection.cursor() as cursor:
        if name not in connection.prepared:
            cursor.execute(f"PREPARE {name} AS {statement(name)}")
            connection.prepared.add(name)
        marks = ", ".join(["%s"] * len(params))
        values = [_parameter(value) for value in params]
        return _rows(cursor, f"EXECUTE {name} ({marks})" if params else f"EXECUTE {name}", values)


def _parameter(value: object) -> object:
    """What costs psycopg2 Python calls of its own is put into text here; PostgreSQL knows each parameter's type."""
    if isinstance(value, list):
        return array_literal(value)
    return str(value) if isinstance(value, UUID) else value


def query(sql: str, params: Sequence[object] = ()) -> list[Row]:
    """Execute `sql` (marks `%s`) on this thread's connection, unprepared, and give all its rows."""
    with _connection().cursor() as cursor:
        return _rows(cursor, sql, params or None)


def _rows(cursor: psycopg2.extensions.cursor, sql: str, params: Sequence[object] | None) -> list[Row]:
    try:
        cursor.execute(sql, params)
    except ValueError as error:  # psycopg2 itself refuses NUL and lone surrogates; said as PostgreSQL would
        raise psycopg2.DataError(str(error)) from error
    return cursor.fetchall() if cursor.description else []


def in_transaction() -> bool:
    """Whether this thread stands inside `atomic` (or any transaction of `database`)."""
    return bool(database.in_transaction())


@contextmanager
def atomic() -> Iterator[None]:
    """A transaction, or a savepoint inside one. What `after_commit` was given runs once the outermost has committed.

    A rolled-back savepoint takes its after-commit calls with it. Raises psycopg2.Error where it cannot begin or
    commit; what the body raises goes through as it is.
    """
    pending: list[list[Callable[[], None]]] = _pending()
    mine: list[Callable[[], None]] = []
    pending.append(mine)
    try:
        with _transaction():
            yield
    finally:
        pending.pop()
    for call in mine:
        after_commit(call)


@contextmanager
def undone() -> Iterator[None]:
    """A transaction that is rolled back however the body ends; what was to follow its commit never runs.

    It may write where only reading is the rule (`only_reading`). Raises RuntimeError inside another transaction.
    """
    if in_transaction():
        raise RuntimeError("what is undone cannot be a part of something else")
    try:
        with atomic():
            query("SET TRANSACTION READ WRITE")
            yield
            raise _Undo
    except _Undo:
        return


class _Undo(Exception):
    """Ends `undone`; nobody else sees it."""


def after_commit(call: Callable[[], None]) -> None:
    """Run `call` after the outermost `atomic` has committed; at once when no transaction is open."""
    pending = _pending()
    if pending:
        pending[-1].append(call)
    else:
        # At once, unless a transaction that peewee itself began is open.
        database.after_commit(call)


@contextmanager
def _transaction() -> Iterator[None]:
    """peewee's transaction or savepoint, but its own failures raise the driver's errors, and none hides the body's."""
    _connection()
    transaction = database.atomic()
    with _driver_errors():
        transaction.__enter__()
    try:
        yield
    except BaseException as error:
        try:
            transaction.__exit__(type(error), error, error.__traceback__)
        except (peewee.PeeweeException, psycopg2.Error):
            # A rollback fails only with its connection, and then the server has rolled back already.
            _abandon()
        raise
    with _driver_errors():
        transaction.__exit__(None, None, None)


@contextmanager
def _driver_errors() -> Iterator[None]:
    """peewee wraps the driver's errors when it connects, begins and commits; ours are the driver's everywhere."""
    try:
        yield
    except peewee.PeeweeException as error:
        if isinstance(driver_error := getattr(error, "orig", None), psycopg2.Error):
            raise driver_error from None
        raise


def _abandon() -> None:
    """Close the driver's connection; the next statement outside this transaction opens a new one."""
    if not database.is_closed():
        _connection().close()


def _pending() -> list[list[Callable[[], None]]]:
    if not hasattr(_hooks, "pending"):
        _hooks.pending = []
    return _hooks.pending  # type: ignore[no-any-return]  # threading.local is untyped


def _connection() -> PreparedConnection:
    """This thread's connection; one that is known to be broken is replaced, unless a transaction stands on it."""
    kept = cast("PreparedConnection | None", database._state.conn)  # type: ignore[attr-defined]  # not in the stubs
    if kept is not None and not kept.closed:
        return kept
    with _driver_errors():
        connection = cast(PreparedConnection, database.connection())  # type: ignore[no-untyped-call]
        if connection.closed and database.transaction_depth() == 0:
            database.close()
            connection = cast(PreparedConnection, database.connection())  # type: ignore[no-untyped-call]
    return connection
