"""A row that somebody's open transaction keeps locked holds up nobody but the one who wants that row."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import recovery
from middleware.consumer import LedgerConsumer
from middleware.finish_writer import FinishWriter
from middleware.redis_broker import LedgerRedisBroker, Push
from middleware.started_slots import read_started
from middleware.worker_process import WorkerProcess
from models import database as db
from models.ledger import workers
from tests.broker_cases import acting_process, held_by_process, steady_process
from tests.integration.consumer_cases import broker_with_actor, consumer_of, drained, enqueued
from tests.ledger_cases import (
    attempts_of,
    claimed,
    job_row,
    lose,
    other_session,
    registered,
    state_of,
    success,
    until,
    wanted,
)


@pytest.fixture
def impatient(ledger_database: str) -> str:
    """The ledger, with locks waited for as briefly as a test can afford."""
    db.close_connection()
    db.connect(ledger_database, lock_timeout_ms=200)
    return ledger_database


@contextmanager
def locked(url: str, job_id: UUID) -> Iterator[None]:
    """Meanwhile that job's row is locked by somebody who does nothing."""
    with other_session(url) as cursor:
        cursor.execute("SELECT FROM background_job WHERE id = %s FOR UPDATE", (str(job_id),))
        yield


def test_recovery_leaves_a_locked_row_to_a_later_pass_and_keeps_the_record_for_it(impatient: str) -> None:
    process = steady_process(StubBroker())
    holder = registered(process.holder.host)
    claims = [claimed(holder) for _ in range(3)]
    slots = type(process.slots)(process.slots_folder, holder.id)
    slots.write(claims[1].job_id, claims[1].fence)
    lose(holder)

    with locked(impatient, claims[1].job_id):
        recovery.recover(process)
        between = [state_of(one.job_id) for one in claims]
        record = read_started(process.slots_folder, holder.id)
    recovery.recover(process)

    assert between == ["pending", "running", "pending"]
    assert record, "who was running is still known"
    assert state_of(claims[1].job_id) == "pending"
    assert job_row(claims[1].job_id, "crashes") == (1,)


def test_one_worker_that_cannot_be_recovered_keeps_no_other_waiting(
    ledger_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = steady_process(StubBroker())
    stuck, free = registered(process.holder.host), registered(process.holder.host)
    claims = {holder.id: claimed(holder) for holder in (stuck, free)}
    lose(stuck)
    lose(free)
    recover_worker = recovery._recover_worker

    def failing(process: WorkerProcess, worker_id: UUID, *rest: Any) -> list[workers.RecoveredJob]:
        if worker_id == stuck.id:
            raise psycopg2.errors.LockNotAvailable("not now")
        return recover_worker(process, worker_id, *rest)

    monkeypatch.setattr(recovery, "_recover_worker", failing)

    recovery.recover(process)

    assert state_of(claims[free.id].job_id) == "pending"


def test_finishes_go_on_around_one_whose_row_is_locked(impatient: str, redis_url: str) -> None:
    process = acting_process(broker_with_actor(redis_url))
    held = [held_by_process(process) for _ in range(5)]
    writer = FinishWriter(process)
    blocked = held[2].claim.job_id

    with locked(impatient, blocked):
        for one in held:
            writer.put(one, success(one.claim))
        writer.start()
        others = [one.claim.job_id for one in held if one is not held[2]]
        until(lambda: {state_of(one) for one in others} == {"succeeded"}, "the others")
        late = held_by_process(process)
        writer.put(late, success(late.claim))
        until(lambda: state_of(late.claim.job_id) == "succeeded", "one that came later")
        between = state_of(blocked)
    until(lambda: state_of(blocked) == "succeeded", "the one that waited")

    assert writer.end(5)
    assert between == "running"


def test_follow_up_that_the_ledger_refuses_ends_its_parent_once(ledger_database: str, redis_url: str) -> None:
    process = acting_process(broker_with_actor(redis_url))
    held = held_by_process(process)
    writer = FinishWriter(process)

    writer.put(held, success(held.claim, follow_ups=[wanted(attempts_allowed=0)]))
    writer.start()
    until(lambda: state_of(held.claim.job_id) == "dead", "its end")

    assert writer.end(5)
    assert attempts_of(held.claim.job_id) == ["FAILED"]
    assert db.query("SELECT reason FROM dead_letter") == [("refused_by_ledger",)]


@pytest.fixture
def broker(redis_url: str, redis_client: object, ledger_database: str) -> Iterator[LedgerRedisBroker]:
    broker = broker_with_actor(redis_url)
    yield broker
    broker.client.close()


def test_batch_is_claimed_around_a_plain_send_whose_key_is_being_dispatched(
    broker: LedgerRedisBroker, impatient: str
) -> None:
    acting_process(broker)
    consumer = consumer_of(broker)
    actor = broker.get_actor("actor")

    with other_session(impatient) as cursor:
        cursor.execute(
            "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, state, run_at,"
            " correlation_id, requested_at)"
            " VALUES (gen_random_uuid(), 'busy', now(), 'a', 'default', '', 'pending', now(), '-', now())"
        )
        broker.enqueue(actor.message_with_options(args=("keyed",), dispatch_key="busy"))
        for number in range(6):
            enqueued(broker, number)
        found = all_of(consumer, 6)
    again = next(consumer) if not consumer._ready else None

    assert sorted(message.args[0] for message in found) == list(range(6))
    assert again is None or again.args == ("keyed",)


def test_running_row_that_is_locked_refuses_its_old_copy_at_once(broker: LedgerRedisBroker, impatient: str) -> None:
    process = acting_process(broker)
    consumer = consumer_of(broker)
    job_id = enqueued(broker, "first")
    (message,) = drained(consumer)
    broker.push([Push("default", "again", message.encode())], bounded=False)
    others = [enqueued(broker, number) for number in range(3)]

    with locked(impatient, job_id):
        found = all_of(consumer, 3)

    assert [state_of(one) for one in others] == ["running"] * 3
    assert len(found) == 3
    assert process.in_hand.outstanding("default") == 4


def all_of(consumer: LedgerConsumer, count: int) -> list[Any]:
    """So many messages, however many looks they take."""
    found: list[Any] = []
    deadline_s = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline_s:
        message = next(consumer)
        if message is not None:
            found.append(message)
    return found


def test_consumer_that_is_to_stop_asks_an_absent_ledger_no_faster(
    broker: LedgerRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = acting_process(broker)
    consumer = consumer_of(broker)
    enqueued(broker, 1)
    tries: list[float] = []

    def away(*_: object, **__: object) -> None:
        tries.append(time.monotonic())
        raise psycopg2.OperationalError("away")

    monkeypatch.setattr("middleware.claim_batch.claim", away)
    next(consumer)
    process.stopping.set()
    ended = threading.Timer(1.0, lambda: None)
    ended.start()
    while ended.is_alive():
        next(consumer)

    assert 1 <= len(tries) < 10
