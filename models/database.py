"""Statements on the thread's connection, named ones prepared once, and `atomic` with what follows its commit.

It must not know what the statements mean; `models.ledger` and `models.readings` do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import peewee
import psycopg2
import psycopg2.extensions
import psycopg2.extras

from models.arrays import array_literal
from models.connection import (
    PreparedConnection,
    close_connection,
    connect,
    database,
    driver_errors,
    drop,
    only_reading,
    thread_connection,
)

__all__ = [
    "Row",
    "after_commit",
    "atomic",
    "close_connection",
    "connect",
    "database",
    "in_transaction",
    "leave_nothing_open",
    "only_reading",
    "query",
    "run",
    "statement",
    "undone",
]

#: A statement that is a transaction of its own and lost to another (SQLSTATE class 40) is repeated so often.
_REPEATS = 3

Row = tuple[Any, ...]

_hooks = threading.local()


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
    connection = thread_connection()
    with connection.cursor() as cursor:
        if name not in connection.prepared:
            _prepare(connection, cursor, name)
        marks = ", ".join(["%s"] * len(params))
        values = [_parameter(value) for value in params]
        return _rows(cursor, f"EXECUTE {name} ({marks})" if params else f"EXECUTE {name}", values)


def _prepare(connection: PreparedConnection, cursor: psycopg2.extensions.cursor, name: str) -> None:
    text = statement(name)
    try:
        cursor.execute(f"PREPARE {name} AS {text}")
        connection.prepared.add(name)
    except psycopg2.Error:
        raise
    except BaseException:
        # A time limit or a stop in between: whether it is prepared is unknown, and twice is an error.
        connection.close()
        raise


def _parameter(value: object) -> object:
    """What costs psycopg2 Python calls of its own is put into text here; PostgreSQL knows each parameter's type."""
    if isinstance(value, list):
        return array_literal(value)
    return str(value) if isinstance(value, UUID) else value


def query(sql: str, params: Sequence[object] = ()) -> list[Row]:
    """Execute `sql` (marks `%s`) on this thread's connection, unprepared, and give all its rows."""
    with thread_connection().cursor() as cursor:
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
    try:
        with _transaction():
            pending.append(mine)
            yield
    finally:
        # By what it is: an interrupt may have come before it was there.
        pending[:] = [one for one in pending if one is not mine]
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
    if pending and in_transaction():
        pending[-1].append(call)
    else:
        # At once, unless a transaction that peewee itself began is open.
        database.after_commit(call)


@contextmanager
def _transaction() -> Iterator[None]:
    """peewee's transaction or savepoint, but its own failures raise the driver's errors, and none hides the body's."""
    outermost, transaction = not in_transaction(), database.atomic()
    connection = thread_connection()
    try:
        with driver_errors():
            transaction.__enter__()
    except BaseException:
        if outermost:  # an interrupt may have come after BEGIN, before or after peewee's note of it
            drop(connection)
        raise
    try:
        yield
    except BaseException as error:
        try:
            transaction.__exit__(type(error), error, error.__traceback__)
        except (peewee.PeeweeException, psycopg2.Error):
            # A rollback fails only with its connection, and then the server has rolled back already.
            _abandon()
        raise
    with driver_errors():
        transaction.__exit__(None, None, None)


def _abandon() -> None:
    """Close the driver's connection; the next statement outside this transaction opens a new one."""
    if not database.is_closed():
        thread_connection().close()


def _pending() -> list[list[Callable[[], None]]]:
    if not hasattr(_hooks, "pending"):
        _hooks.pending = []
    return _hooks.pending  # type: ignore[no-any-return]  # threading.local is untyped


def leave_nothing_open() -> None:
    """Before a thread begins something new: undo what an interrupt has left open in it. Costs no round trip."""
    state = database._state  # type: ignore[attr-defined]  # not in the stubs
    if state.transactions or _pending():
        _pending().clear()
        if state.conn is not None:
            drop(state.conn)


def _forget_hooks() -> None:
    _hooks.__dict__.clear()


os.register_at_fork(after_in_child=_forget_hooks)
