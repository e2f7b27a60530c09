"""The thread's connection and `atomic`: what breaks, what it raises, and what runs after a commit."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence

import peewee
import psycopg2
import psycopg2.errors
import pytest

from models import database as db
from models.database import after_commit, atomic, query, run
from models.faults import is_infrastructure
from models.migrate import migrate
from tests.ledger_cases import in_threads, other_session, until

pytestmark = pytest.mark.usefixtures("ledger_database")


def break_connection(url: str) -> None:
    """Cut this thread's connection from the server's side."""
    (backend,) = query("SELECT pg_backend_pid()")[0]
    with other_session(url) as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


def test_unreachable_server_is_an_infrastructure_error_of_the_driver(ledger_database: str) -> None:
    db.close_connection()
    db.connect("postgresql://nobody@127.0.0.1:1/nowhere")

    with pytest.raises(psycopg2.Error) as raised:
        run("queues_due", ([],))

    assert is_infrastructure(raised.value)
    db.connect(ledger_database)


def test_unreachable_server_is_an_infrastructure_error_in_atomic_too(ledger_database: str) -> None:
    db.close_connection()
    db.connect("postgresql://nobody@127.0.0.1:1/nowhere")

    with pytest.raises(psycopg2.Error) as raised, atomic():
        pass

    assert is_infrastructure(raised.value)
    db.connect(ledger_database)


def test_cut_connection_is_replaced_at_the_next_statement(ledger_database: str) -> None:
    break_connection(ledger_database)

    with pytest.raises(psycopg2.Error) as raised:
        run("queues_due", ([],))

    assert is_infrastructure(raised.value)
    assert run("queues_due", ([],)) == []


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_connection_cut_inside_atomic_raises_its_own_error_and_is_replaced(ledger_database: str, depth: int) -> None:
    def nested(levels: int) -> None:
        with atomic():
            if levels > 1:
                nested(levels - 1)
            else:
                break_connection(ledger_database)
                query("SELECT 1")

    with pytest.raises(psycopg2.Error) as raised:
        nested(depth)

    assert is_infrastructure(raised.value)
    assert not db.in_transaction()
    assert query("SELECT 1") == [(1,)]


def test_connection_cut_before_the_commit_is_an_infrastructure_error_of_the_driver(ledger_database: str) -> None:
    with pytest.raises(psycopg2.Error) as raised, atomic():
        break_connection(ledger_database)

    assert is_infrastructure(raised.value)
    assert query("SELECT 1") == [(1,)]


def test_callers_error_survives_a_rollback_on_a_cut_connection(ledger_database: str) -> None:
    @atomic()
    def body() -> None:
        break_connection(ledger_database)
        raise KeyError("the caller's own")

    with pytest.raises(KeyError):
        body()

    assert query("SELECT 1") == [(1,)]


def test_peewee_errors_of_the_body_are_left_as_they_are() -> None:
    with pytest.raises(peewee.ProgrammingError), atomic():
        db.database.execute_sql("SELECT nonsense")  # type: ignore[no-untyped-call]


def test_peewee_errors_are_infrastructure_where_the_drivers_are(ledger_database: str) -> None:
    break_connection(ledger_database)

    with pytest.raises(peewee.PeeweeException) as raised:
        db.database.execute_sql("SELECT 1")  # type: ignore[no-untyped-call]

    assert is_infrastructure(raised.value)
    assert query("SELECT 1") == [(1,)]


def test_after_commit_runs_at_once_outside_a_transaction() -> None:
    calls: list[str] = []

    after_commit(lambda: calls.append("now"))

    assert calls == ["now"]


def test_after_commit_waits_for_the_outermost_commit() -> None:
    seen: list[list[str]] = []
    calls: list[str] = []

    with atomic():
        with atomic():
            after_commit(lambda: calls.append("inner"))
        seen.append(list(calls))
        after_commit(lambda: calls.append("outer"))

    assert seen == [[]]
    assert calls == ["inner", "outer"]


def test_rolled_back_savepoint_takes_its_after_commit_calls_with_it() -> None:
    calls: list[str] = []

    with atomic():
        after_commit(lambda: calls.append("kept"))
        with contextlib.suppress(KeyError), atomic():
            after_commit(lambda: calls.append("dropped"))
            raise KeyError

    assert calls == ["kept"]


def test_rolled_back_transaction_takes_its_after_commit_calls_with_it() -> None:
    calls: list[str] = []

    with contextlib.suppress(KeyError), atomic():
        with atomic():
            after_commit(lambda: calls.append("inner"))
        raise KeyError

    assert calls == []


def test_after_commit_inside_a_transaction_of_peewee_itself_waits_for_its_commit() -> None:
    calls: list[str] = []
    seen: list[list[str]] = []

    with db.database.atomic():
        after_commit(lambda: calls.append("after"))
        seen.append(list(calls))

    assert seen == [[]]
    assert calls == ["after"]


def test_named_statement_is_prepared_once_a_connection(ledger_database: str) -> None:
    for _ in range(3):
        run("queues_due", (["default"],))

    rows = query("SELECT name, generic_plans + custom_plans FROM pg_prepared_statements WHERE name = 'queues_due'")

    assert rows == [("queues_due", 3)]


def test_named_statement_is_not_planned_anew_for_each_execution() -> None:
    for _ in range(7):
        run("queues_due", ([],))

    plans = query("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'queues_due'")
    assert plans == [(7, 0)]


def test_two_migrations_at_once_take_turns() -> None:
    applied = in_threads([migrate, migrate])

    assert applied == [[], []]


def test_migration_waits_for_another_for_longer_than_any_statement_may(ledger_database: str) -> None:
    db.close_connection()
    db.connect(ledger_database, statement_timeout_ms=200, lock_timeout_ms=100)

    def waits_for_long() -> bool:
        with other_session(ledger_database) as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '0.5 seconds'"
            )
            return cursor.fetchone() == (1,)

    def release() -> None:
        until(waits_for_long, "the migration waiting")
        holder.connection.rollback()

    with other_session(ledger_database) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (0x43414C4C,))
        releasing = threading.Thread(target=release)
        releasing.start()
        applied = migrate()
        releasing.join(10)

    assert applied == []
    db.close_connection()
    db.connect(ledger_database)


@pytest.mark.parametrize("text", [pytest.param("a\x00b", id="nul"), pytest.param("\ud800", id="lone-surrogate")])
def test_text_that_no_row_can_hold_is_a_data_error(text: str) -> None:
    with pytest.raises(psycopg2.DataError) as raised:
        run("queues_due", ([text],))

    assert not is_infrastructure(raised.value)


@pytest.mark.usefixtures("ledger_database")
def test_a_forked_child_opens_a_connection_of_its_own_and_leaves_the_parents_alone() -> None:
    before = query("SELECT pg_backend_pid()")[0][0]
    read, write = os.pipe()

    child = os.fork()
    if child == 0:
        os.write(write, str(query("SELECT pg_backend_pid()")[0][0]).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert int(os.read(read, 20)) != before
    assert query("SELECT pg_backend_pid()")[0][0] == before


@pytest.mark.parametrize("error", [psycopg2.errors.DeadlockDetected, psycopg2.errors.SerializationFailure])
def test_statement_that_lost_to_another_is_repeated(
    monkeypatch: pytest.MonkeyPatch, error: type[psycopg2.Error]
) -> None:
    losses = [error(), error()]

    def losing(name: str, params: Sequence[object]) -> list[db.Row]:
        if losses:
            raise losses.pop()
        return [(name,)]

    monkeypatch.setattr(db, "_execute", losing)

    assert run("queues_due") == [("queues_due",)]


def test_statement_that_lost_to_another_inside_a_transaction_is_the_callers_to_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []

    def losing(name: str, params: Sequence[object]) -> list[db.Row]:
        calls.append(name)
        raise psycopg2.errors.DeadlockDetected

    monkeypatch.setattr(db, "_execute", losing)

    with pytest.raises(psycopg2.errors.DeadlockDetected), atomic():
        run("queues_due")

    assert calls == ["queues_due"]
