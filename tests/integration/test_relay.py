"""The relay's passes: what waits too long goes back, what is due goes out, and no mistake ends it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from uuid import UUID

import psycopg2
import pytest
import redis

from actors.dispatch import Dispatched, dispatch
from middleware.in_hand import Held
from middleware.redis_broker import LedgerRedisBroker, Push
from middleware.relay import UNSTARTED_S, Relay
from middleware.worker_process import BYTES_IN_HAND, WorkerProcess
from models.database import query
from models.ledger.dispatch import dispatch_jobs
from policy.keys import redis_id
from tests.broker_cases import NO_REDIS, acting_process, actor_on, broker_on, held_by_process, worker_process
from tests.ledger_cases import DEDUPE_S, attempts_of, dispatched, job_row, state_of, until, wanted

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker on the session's Redis, with one actor."""
    broker = broker_on(redis_url)
    actor_on(broker)
    return broker


@pytest.fixture
def process(broker: LedgerRedisBroker) -> WorkerProcess:
    """A worker process of that broker that may act."""
    return acting_process(broker)


def in_hand_with_copy(process: WorkerProcess, broker: LedgerRedisBroker) -> Held:
    """A claimed job whose copy this broker has fetched."""
    answer = dispatch(broker.get_actor("actor"))
    assert isinstance(answer, Dispatched)
    assert answer.enqueued
    broker.fetch("default", 1)
    held = held_by_process(process, wanted(id=UUID(answer.job_id)))
    process.in_hand.remove([held])
    one = Held(held.claim, held.worker_id, "actor", "default", redis_id(answer.job_id, 1))
    process.in_hand.add([one])
    return one


def test_claim_unstarted_for_five_seconds_goes_back_and_its_old_copy_is_acked(
    process: WorkerProcess, broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    held = in_hand_with_copy(process, broker)
    held.claimed_s -= UNSTARTED_S + 0.1

    Relay(process)._give_back()

    assert job_row(held.claim.job_id, "state", "release", "attempts_spent") == ("pending", 2, 0)
    assert attempts_of(held.claim.job_id) == ["CANCELLED"]
    assert redis_client.hlen("dramatiq:default.msgs") == 0
    assert redis_client.llen("dramatiq:default") == 0
    assert process.in_hand.all() == []


def test_younger_and_started_claims_stay(process: WorkerProcess, broker: LedgerRedisBroker) -> None:
    young, started = in_hand_with_copy(process, broker), in_hand_with_copy(process, broker)
    process.in_hand.start(started, lambda: True, timeout_s=0)
    started.claimed_s -= 60

    Relay(process)._give_back()

    assert [state_of(one.claim.job_id) for one in (young, started)] == ["running", "running"]


def test_stopping_worker_gives_all_unstarted_claims_back_at_once(
    process: WorkerProcess, broker: LedgerRedisBroker
) -> None:
    young = in_hand_with_copy(process, broker)
    process.stopping.set()

    Relay(process)._give_back()

    assert state_of(young.claim.job_id) == "pending"


def test_claim_that_could_not_be_given_back_keeps_its_copy_and_is_a_stray(
    process: WorkerProcess, broker: LedgerRedisBroker, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = in_hand_with_copy(process, broker)
    held.claimed_s -= UNSTARTED_S + 0.1

    def away(*_: object, **__: object) -> None:
        raise psycopg2.OperationalError

    monkeypatch.setattr("middleware.worker_process.give_back", away)
    Relay(process)._give_back()

    assert state_of(held.claim.job_id) == "running"
    assert redis_client.hlen("dramatiq:default.msgs") == 1
    assert process.in_hand.all() == []


def test_due_jobs_are_released_into_the_room_that_the_list_has(
    process: WorkerProcess, broker: LedgerRedisBroker, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "ready_bound", lambda: 10)
    payload = broker.get_actor("actor").message().encode()
    dispatch_jobs([wanted(payload=payload) for _ in range(25)], dedupe_s=DEDUPE_S, hold_back=True)
    relay = Relay(process)

    relay._release()
    first = redis_client.llen("dramatiq:default")
    broker.fetch("default", 4)
    relay._release()

    assert first == 10
    assert redis_client.llen("dramatiq:default") == 10
    assert query("SELECT state, count(*) FROM background_job GROUP BY 1 ORDER BY 1") == [
        ("pending", 11),
        ("queued", 14),
    ]


def test_large_jobs_are_released_few_at_a_time_and_all_in_one_pass(
    process: WorkerProcess, broker: LedgerRedisBroker, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = broker.get_actor("actor").message("x" * 1_000_000).encode()
    dispatch_jobs([wanted(payload=payload) for _ in range(20)], dedupe_s=DEDUPE_S, hold_back=True)
    pushed: list[int] = []
    push = broker.push

    def counted(pushes: Sequence[Push], *, bounded: bool) -> list[bool]:
        pushed.append(sum(len(one.data) for one in pushes))
        return push(pushes, bounded=bounded)

    monkeypatch.setattr(broker, "push", counted)

    Relay(process)._release()

    assert max(pushed) < BYTES_IN_HAND + 1_100_000
    assert redis_client.llen("dramatiq:default") == 20


def test_release_without_redis_leaves_the_jobs_pending() -> None:
    process = acting_process(broker_on(NO_REDIS))
    dispatch_jobs([wanted() for _ in range(3)], dedupe_s=DEDUPE_S, hold_back=True)

    with pytest.raises(redis.RedisError):
        Relay(process)._release()

    assert query("SELECT DISTINCT state FROM background_job") == [("pending",)]


def test_job_that_was_dispatched_without_redis_is_enqueued_by_the_relay(
    process: WorkerProcess, redis_client: redis.Redis
) -> None:
    answer = dispatch(actor_on(broker_on(NO_REDIS)))
    assert isinstance(answer, Dispatched)
    assert not answer.enqueued

    Relay(process)._release()

    # Born under release 1, which Redis never got.
    assert redis_client.lrange("dramatiq:default", 0, -1) == [redis_id(answer.job_id, 2).encode()]


def test_step_that_breaks_does_not_end_the_relay(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = threading.Semaphore(0)

    def broken() -> None:
        passes.release()
        raise KeyError

    relay = Relay(process)
    process.settings = dataclasses.replace(process.settings, relay_s=0.01)
    for name in ("_give_back", "_recover", "_release", "_sweep"):
        monkeypatch.setattr(relay, name, broken)

    relay.start()
    seen = [passes.acquire(timeout=10) for _ in range(8)]
    relay.end()

    assert all(seen)
    assert not relay.is_alive()


def test_relay_of_a_worker_that_is_not_registered_only_gives_back(broker: LedgerRedisBroker) -> None:
    process = worker_process(broker)
    job = dispatched()
    query("UPDATE background_job SET state = 'pending'")
    relay = Relay(process)
    given_back = threading.Event()
    relay._give_back = given_back.set  # type: ignore[method-assign]

    relay.start()
    until(given_back.is_set, "a pass")
    relay.end()

    assert state_of(job.id) == "pending"
