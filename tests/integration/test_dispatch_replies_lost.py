"""A dispatch whose connection breaks: nothing is dispatched twice, and nobody has to ask whether it was."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg2
import pytest
import redis

from actors.dispatch import Dispatched, Duplicate, dispatch
from benchmarks.cable import Cable, cable_to
from middleware.redis_broker import LedgerRedisBroker
from models import database as db
from models.database import atomic, query
from policy.keys import redis_id
from tests.integration.consumer_cases import broker_with_actor


@pytest.fixture
def wire(ledger_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cable]:
    """The ledger at the other end of a cable."""
    db.close_connection()
    with cable_to(ledger_database) as (cable, url):
        monkeypatch.setenv("CALLBOARD_DATABASE_URL", url)
        db.connect(url)
        query("SELECT 1")
        yield cable
        db.close_connection()
    db.connect(ledger_database)


@pytest.fixture
def broker(redis_url: str, redis_client: redis.Redis) -> LedgerRedisBroker:
    """Our broker on the session's Redis, with one actor."""
    return broker_with_actor(redis_url)


def jobs() -> list[tuple[object, ...]]:
    return query("SELECT id::text, state FROM background_job")


def test_dispatch_whose_reply_was_lost_is_done_once_and_its_copy_is_made(
    wire: Cable, broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    wire.swallow_reply_to(b"EXECUTE dispatch_job ")

    answer = dispatch(broker.get_actor("actor"), dispatch_key="k")

    assert wire.swallowed == 1
    assert isinstance(answer, Dispatched)
    assert answer.enqueued
    assert jobs() == [(answer.job_id, "queued")]
    assert redis_client.lrange("dramatiq:default", 0, -1) == [redis_id(UUID(answer.job_id), 1).encode()]


def test_dispatch_whose_reply_was_lost_and_whose_key_another_holds_is_a_duplicate(
    wire: Cable, broker: LedgerRedisBroker
) -> None:
    first = dispatch(broker.get_actor("actor"), dispatch_key="k")
    wire.swallow_reply_to(b"EXECUTE dispatch_job ")

    answer = dispatch(broker.get_actor("actor"), dispatch_key="k")

    assert isinstance(first, Dispatched)
    assert isinstance(answer, Duplicate)
    assert answer.job_id == first.job_id
    assert len(jobs()) == 1


def test_dispatch_on_a_connection_that_was_closed_meanwhile_succeeds(wire: Cable, broker: LedgerRedisBroker) -> None:
    wire.cut()

    answer = dispatch(broker.get_actor("actor"))

    assert isinstance(answer, Dispatched)
    assert answer.enqueued


def test_dispatch_in_a_transaction_is_never_repeated_behind_the_callers_back(
    wire: Cable, broker: LedgerRedisBroker
) -> None:
    with pytest.raises(psycopg2.Error):
        dispatched_in_a_transaction_that_is_cut(wire, broker)

    assert jobs() == []


@atomic()
def dispatched_in_a_transaction_that_is_cut(wire: Cable, broker: LedgerRedisBroker) -> None:
    """What the caller wrote before is gone with the connection: going on without it would tear the two apart."""
    query("SELECT 1")
    wire.cut()
    dispatch(broker.get_actor("actor"))
