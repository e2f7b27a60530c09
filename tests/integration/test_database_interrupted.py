"""A time limit that comes between any two steps leaves no transaction of nobody, and no statement half prepared."""

from __future__ import annotations

import contextlib

import pytest

from models import connection
from models import database as db
from models.database import after_commit, atomic, query, run
from tests.ledger_cases import other_session

pytestmark = pytest.mark.usefixtures("ledger_database")


class Interrupted(BaseException):
    """Comes between any two steps, as a time limit does."""


@pytest.mark.parametrize("noted", [False, True], ids=["before peewee notes it", "after"])
def test_interrupt_after_begin_leaves_nobody_in_a_transaction(
    ledger_database: str, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    begin, push = db.database.begin, db.database.push_transaction

    def begun() -> None:
        begin()
        if not noted:
            raise Interrupted

    def pushed(transaction: object) -> None:
        push(transaction)
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(db.database, "begin", begun)
        if noted:
            patch.setattr(db.database, "push_transaction", pushed)
        with contextlib.suppress(Interrupted), atomic():
            pass

    run("let_go_keys", ([],))
    query("CREATE TABLE written_outside (id integer)")
    with other_session(ledger_database) as cursor:
        cursor.execute("DROP TABLE written_outside")  # it has been committed
        cursor.connection.commit()


def test_transaction_that_nobody_knows_of_is_left_before_the_next_statement(ledger_database: str) -> None:
    with connection.thread_connection().cursor() as cursor:
        cursor.execute("BEGIN")

    query("CREATE TABLE written_outside (id integer)")

    with other_session(ledger_database) as cursor:
        cursor.execute("DROP TABLE written_outside")
        cursor.connection.commit()


def test_interrupt_after_prepare_does_not_prepare_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(set[str]):
        def add(self, name: str) -> None:
            raise Interrupted

    connection.thread_connection().prepared = Forgetful()
    with pytest.raises(Interrupted):
        run("queues_due", ([],))

    assert run("queues_due", ([],)) == []


def test_what_an_interrupt_left_open_is_left_before_the_next_message() -> None:
    calls: list[str] = []
    db.database.atomic().__enter__()
    db._pending().append([lambda: calls.append("of nobody")])

    db.leave_nothing_open()

    assert not db.in_transaction()
    after_commit(lambda: calls.append("at once"))
    assert calls == ["at once"]
