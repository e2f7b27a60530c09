"""Copies in Redis: pushed once, settled together, and given up to the relay where they do not fit."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import redis
from dramatiq.brokers.stub import StubBroker

from middleware.copies import make_ready
from middleware.redis_broker import LedgerRedisBroker, Push, Settled
from models.database import query
from models.ledger.dispatch import dispatch_jobs
from models.ledger.release import Released, release_due
from tests.broker_cases import NO_REDIS, actor_on, broker_on
from tests.ledger_cases import DEDUPE_S, dispatched, state_of, wanted

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

ENVELOPE = json.dumps(
    {
        "queue_name": "default",
        "actor_name": "actor",
        "args": [],
        "kwargs": {},
        "options": {},
        "message_id": "m",
        "message_timestamp": 0,
    }
).encode()


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker on the session's Redis."""
    return broker_on(redis_url)


def released(count: int = 1, payload: bytes = ENVELOPE) -> list[Released]:
    """So many jobs that were released and have no copy yet."""
    dispatch_jobs([wanted(payload=payload) for _ in range(count)], dedupe_s=DEDUPE_S, hold_back=True)
    return release_due("default", count)


def counts(client: redis.Redis) -> tuple[int, int]:
    """Ready ids and bodies of the queue."""
    return int(client.llen("dramatiq:default")), int(client.hlen("dramatiq:default.msgs"))


def test_push_repeated_under_the_same_id_is_pushed_once(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    copy = Push("default", "r1", b"body")

    answers = [broker.push([copy], bounded=True), broker.push([copy, copy], bounded=True)]

    assert answers == [[True], [True, True]]
    assert counts(redis_client) == (1, 1)


def test_copy_that_is_being_worked_on_is_not_pushed_again(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    broker.push([Push("default", "r1", b"body")], bounded=True)
    broker.fetch("default", 1)

    broker.push([Push("default", "r1", b"body")], bounded=True)

    assert counts(redis_client) == (0, 1)


def test_full_list_turns_away_what_does_not_fit(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    broker.set_ready_bound("default", 2, ttl_s=60)
    copies = [Push("default", f"r{number}", b"body") for number in range(3)]

    bounded = broker.push(copies, bounded=True)
    unbounded = broker.push(copies, bounded=False)

    assert bounded == [True, True, False]
    assert unbounded == [True, True, True]
    assert counts(redis_client) == (3, 3)


def test_ready_room_is_what_the_bound_leaves(broker: LedgerRedisBroker) -> None:
    broker.set_ready_bound("default", 3, ttl_s=60)
    broker.push([Push("default", "r1", b"body")], bounded=True)

    assert broker.ready_room("default") == 2


def test_settled_copies_leave_redis_and_dead_ones_become_letters(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    broker.push([Push("default", name, name.encode()) for name in ("done", "dead", "kept")], bounded=True)
    broker.fetch("default", 3)

    broker.settle([Settled("default", "done"), Settled("default", "dead", dead=True)])

    assert redis_client.hkeys("dramatiq:default.msgs") == [b"kept"]
    assert redis_client.zrange("dramatiq:default.XQ", 0, -1) == [b"dead"]
    assert redis_client.hgetall("dramatiq:default.XQ.msgs") == {b"dead": b"dead"}
    assert broker.strands("default") == {"kept"}


def test_copy_that_this_broker_does_not_hold_is_not_settled(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    broker.push([Push("default", "r1", b"body")], bounded=True)

    broker.settle([Settled("default", "r1", dead=True)])

    assert counts(redis_client) == (1, 1)
    assert redis_client.zcard("dramatiq:default.XQ") == 0


def test_many_copies_are_made_ready_in_one_round_trip(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    jobs = released(50)
    make_ready(broker, jobs[:1], bounded=False)
    redis_client.config_resetstat()

    ready = make_ready(broker, jobs, bounded=False)

    assert ready == frozenset(job.job_id for job in jobs)
    assert redis_client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1
    assert counts(redis_client) == (50, 50)


def test_copies_that_redis_could_not_take_go_back_to_pending() -> None:
    jobs = released(3)

    ready = make_ready(broker_on(NO_REDIS), jobs, bounded=False)

    assert ready == frozenset()
    assert {state_of(job.job_id) for job in jobs} == {"pending"}


def test_foreign_broker_that_fails_gives_its_jobs_back_to_pending() -> None:
    # It has not declared the queue: QueueNotFound.
    jobs = released(2)

    ready = make_ready(StubBroker(middleware=[]), jobs, bounded=False)

    assert ready == frozenset()
    assert {state_of(job.job_id) for job in jobs} == {"pending"}


def test_foreign_broker_gets_one_message_a_job() -> None:
    broker = StubBroker(middleware=[])
    actor_on(broker)
    jobs = released(2)

    ready = make_ready(broker, jobs, bounded=False)

    assert ready == frozenset(job.job_id for job in jobs)
    assert broker.queues["default"].qsize() == 2


def test_envelope_that_cannot_be_read_keeps_no_neighbour_from_its_copy(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    good, bad = released(1), released(1, payload=b"nonsense")

    ready = make_ready(broker, [*bad, *good], bounded=False)

    assert ready == {good[0].job_id}
    assert counts(redis_client) == (1, 1)
    assert state_of(bad[0].job_id) == "queued"


def test_new_memory_of_redis_is_named_once(
    broker: LedgerRedisBroker, redis_client: redis.Redis, redis_url: str
) -> None:
    other = broker_on(redis_url)

    first, second, again = broker.epoch(), other.epoch(), broker.epoch()
    redis_client.flushall()
    after = other.epoch()

    assert first[1]
    assert second == again == (first[0], False)
    assert after[1]
    assert after[0] != first[0]


def test_copy_of_a_job_that_is_gone_is_made_ready_and_put_aside_at_its_claim(broker: LedgerRedisBroker) -> None:
    job = dispatched(payload=ENVELOPE)
    query("DELETE FROM background_job")

    assert make_ready(broker, [Released(job.id, 1, "default", ENVELOPE)], bounded=False) == {job.id}
    assert make_ready(broker, [Released(uuid4(), 1, "default", b"")], bounded=False) == frozenset()
