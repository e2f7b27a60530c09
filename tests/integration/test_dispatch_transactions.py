"""Dispatch inside a caller's transaction, and against somebody else's."""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg2.extensions
import pytest

from actors.dispatch import Job, dispatch_many
from models import database as db
from models.database import atomic, query
from models.ledger.dispatch import Blocked, Inserted, Wanted, dispatch_jobs
from policy.errors import DispatchContended
from tests.broker_cases import actor_on, broker_on
from tests.ledger_cases import (
    dispatched,
    in_threads,
    other_session,
    wanted,
    when_somebody_waits,
)

pytestmark = pytest.mark.usefixtures("ledger_database")

INSERT = (
    "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, state, run_at,"
    " correlation_id, requested_at) VALUES (gen_random_uuid(), %s, now(), 'a', 'default', '', 'pending', now(),"
    " '-', now())"
)


@pytest.fixture
def short_lock_timeout(ledger_database: str) -> str:
    """Locks are waited for 200 ms; gives the database's URL."""
    db.close_connection()
    db.connect(ledger_database, lock_timeout_ms=200)
    return ledger_database


def dispatch_one(job: Wanted) -> Inserted | Blocked:
    """One job, one answer."""
    return dispatch_jobs([job], dedupe_s=60)[0]


def test_connection_waits_two_seconds_for_a_lock() -> None:
    assert query("SHOW lock_timeout") == [("2s",)]


def test_dispatch_commits_with_its_caller(ledger_database: str) -> None:
    with atomic():
        dispatched("k")
        with other_session(ledger_database) as cursor:
            cursor.execute("SELECT count(*) FROM background_job")
            seen = cursor.fetchone()

    assert seen == (0,)
    assert query("SELECT count(*) FROM background_job") == [(1,)]


def test_dispatch_rolls_back_with_its_caller() -> None:
    with contextlib.suppress(KeyError), atomic():
        dispatched("k")
        raise KeyError

    assert query("SELECT count(*) FROM background_job") == [(0,)]


def test_key_in_an_open_transaction_is_waited_for(ledger_database: str) -> None:
    with other_session(ledger_database) as cursor:
        cursor.execute(INSERT, ("k",))
        with when_somebody_waits(ledger_database, cursor.connection.commit):
            answer = dispatch_one(wanted("k"))

    assert isinstance(answer, Blocked)


def test_key_that_its_open_transaction_takes_back_is_dispatched(ledger_database: str) -> None:
    job = wanted("k")

    with other_session(ledger_database) as cursor:
        cursor.execute(INSERT, ("k",))
        with when_somebody_waits(ledger_database, cursor.connection.rollback):
            answer = dispatch_one(job)

    assert answer == Inserted(job.id, released=True)


def test_key_busy_for_longer_than_the_lock_timeout_is_contended(short_lock_timeout: str) -> None:
    with other_session(short_lock_timeout) as cursor:
        cursor.execute(INSERT, ("k",))
        began_s = time.monotonic()
        with pytest.raises(DispatchContended):
            dispatch_one(wanted("k"))
        waited_s = time.monotonic() - began_s

    assert 0.2 <= waited_s < 2.0
    assert isinstance(dispatch_one(wanted("k")), Inserted)


def test_callers_transaction_is_usable_after_contention(short_lock_timeout: str) -> None:
    with other_session(short_lock_timeout) as cursor, atomic():
        cursor.execute(INSERT, ("k",))
        dispatched("before")
        with pytest.raises(DispatchContended):
            dispatch_one(wanted("k"))
        dispatched("behind")

    assert query("SELECT dispatch_key FROM background_job ORDER BY 1") == [("before",), ("behind",)]


def test_deadlock_between_two_callers_is_contention_and_leaves_both_transactions_usable() -> None:
    both_hold = threading.Barrier(2)

    def crosswise(first: str, second: str) -> list[str]:
        outcomes = []
        with atomic():
            dispatched(first)
            both_hold.wait(10)
            try:
                outcomes.append(type(dispatch_one(wanted(second))).__name__)
            except DispatchContended:
                outcomes.append("contended")
            dispatched(f"after {first}")
        return outcomes

    one, other = in_threads([lambda: crosswise("a", "b"), lambda: crosswise("b", "a")])

    # One gave way; the other waited until it had committed.
    assert sorted(one + other) == ["Blocked", "contended"]
    assert query("SELECT dispatch_key FROM background_job ORDER BY 1") == [("a",), ("after a",), ("after b",), ("b",)]


def test_serialisation_failure_is_contention_and_leaves_the_transaction_usable(ledger_database: str) -> None:
    query("SELECT 1")
    db.database.connection().set_session(  # type: ignore[no-untyped-call]
        isolation_level=psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ, autocommit=True
    )
    with atomic(), other_session(ledger_database) as cursor:
        query("SELECT count(*) FROM background_job")
        cursor.execute(INSERT, ("k",))
        cursor.connection.commit()
        with pytest.raises(DispatchContended):
            dispatch_one(wanted("k"))
        dispatched("other")

    assert query("SELECT count(*) FROM background_job WHERE dispatch_key = 'other'") == [(1,)]


def test_expired_key_let_go_in_a_transaction_that_rolls_back_is_still_held() -> None:
    job = dispatched("k", dedupe_s=0)
    query("UPDATE background_job SET state = 'succeeded', finished_at = now()")

    with contextlib.suppress(KeyError), atomic():
        assert isinstance(dispatch_one(wanted("k")), Inserted)
        raise KeyError

    assert query("SELECT id FROM background_job WHERE holds_key") == [(job.id,)]


def test_bulk_of_thousands_is_dispatched_whole_or_not_at_all(ledger_database: str, redis_url: str) -> None:
    actor = actor_on(broker_on(redis_url))
    jobs = [Job(actor, (number,)) for number in range(1_500)]
    db.close_connection()
    db.connect(ledger_database, lock_timeout_ms=100)

    with other_session(ledger_database) as cursor:
        cursor.execute(
            "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, state, run_at,"
            " correlation_id, requested_at)"
            " VALUES (gen_random_uuid(), 'busy', now(), 'a', 'default', '', 'pending', now(), '-', now())"
        )
        with pytest.raises(DispatchContended):
            dispatch_many([*jobs, Job(actor, dispatch_key="busy")])

    assert query("SELECT count(*) FROM background_job") == [(0,)]
    assert len(dispatch_many(jobs)) == 1_500
    assert query("SELECT count(*) FROM background_job") == [(1_500,)]
