"""Copies made behind the caller's back: at once, in order, many in a call, and told when they are made."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, cast, get_type_hints
from uuid import UUID

import orjson
import pytest
import redis
from dramatiq import Broker
from dramatiq.brokers.stub import StubBroker

from actors.dispatch import Dispatched, Duplicate, Job, dispatch, dispatch_many
from middleware import copies, enqueuer, logs
from middleware.correlation import Correlation
from middleware.redis_broker import LedgerRedisBroker
from models.database import query
from policy.keys import redis_id
from tests.broker_cases import NO_REDIS, actor_on, broker_on
from tests.ledger_cases import in_threads, other_session, state_of, until

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


class Held:
    """`make_ready` that waits, in the enqueuer's thread, until it is let go; notes how many copies each call made."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.calls: list[int] = []

    def __call__(self, broker: Broker, jobs: Sequence[Any], *, bounded: bool) -> frozenset[UUID]:
        if threading.current_thread().name == "enqueuer":
            self.calls.append(len(jobs))
            self.begun.set()
            assert self.go.wait(30)
        return copies.make_ready(broker, jobs, bounded=bounded)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """The enqueuer is held up at its next copy."""
    made = Held()
    monkeypatch.setattr(enqueuer, "make_ready", made)
    yield made
    made.go.set()
    assert enqueuer.finish(30)


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker on the session's Redis."""
    return broker_on(redis_url, Correlation())


def done(answer: Dispatched | Duplicate) -> Dispatched:
    """Without waiting for its copy."""
    assert isinstance(answer, Dispatched)
    return answer


def ready(client: redis.Redis) -> list[bytes]:
    return cast("list[bytes]", client.lrange("dramatiq:default", 0, -1))


def connections(url: str) -> int:
    """Connections of ours to the ledger."""
    query("SELECT 1")  # this thread's own is one of them
    with other_session(url) as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'callboard' AND datname = current_database()"
        )
        return int((cursor.fetchone() or (0,))[0])


def test_dispatch_does_not_wait_for_redis_and_enqueued_does(
    broker: LedgerRedisBroker, held: Held, redis_client: redis.Redis
) -> None:
    answer = done(dispatch(actor_on(broker)))
    before = (state_of(UUID(answer.job_id)), ready(redis_client))

    asked = threading.Thread(target=lambda: answer.enqueued)
    asked.start()
    waits = held.begun.wait(30) and asked.is_alive()
    held.go.set()
    asked.join(30)

    assert before == ("queued", [])
    assert waits
    assert not asked.is_alive()
    assert answer.enqueued
    assert ready(redis_client) == [redis_id(answer.job_id, 1).encode()]


def test_answer_is_a_value_like_any_other(broker: LedgerRedisBroker) -> None:
    answer = done(dispatch(actor_on(broker), dispatch_key="k", correlation_id="family"))

    fields = {"job_id": answer.job_id, "dispatch_key": "k", "correlation_id": "family", "enqueued": True}
    assert asdict(answer) == fields
    assert orjson.loads(orjson.dumps(answer)) == fields
    assert answer == Dispatched(answer.job_id, "k", "family", enqueued=True)
    assert pickle.loads(pickle.dumps(answer)) == copy.deepcopy(answer) == answer
    assert repr(answer).endswith("enqueued=True)")
    assert get_type_hints(Dispatched)["enqueued"] is bool


def test_copies_come_in_the_order_of_their_dispatches_many_in_a_call(
    broker: LedgerRedisBroker, held: Held, redis_client: redis.Redis
) -> None:
    actor = actor_on(broker)
    first = done(dispatch(actor))
    assert held.begun.wait(30)
    later = [done(dispatch(actor)) for _ in range(20)]

    held.go.set()
    assert all(one.enqueued for one in [first, *later])

    assert held.calls == [1, 20]
    assert ready(redis_client) == [redis_id(one.job_id, 1).encode() for one in [first, *later]]


def test_whoever_asks_for_a_copy_need_not_wait_for_the_next_call_of_a_burst(
    broker: LedgerRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enqueuer, "_PACE_S", 3_600.0)
    actor = actor_on(broker)

    answers = [done(dispatch(actor)) for _ in range(3)]

    assert all(one.enqueued for one in answers)


def test_one_call_takes_no_more_bytes_than_a_mebibyte(broker: LedgerRedisBroker, held: Held) -> None:
    actor = actor_on(broker)
    dispatch(actor)
    assert held.begun.wait(30)
    for _ in range(5):
        dispatch(actor, "x" * 400_000)

    held.go.set()
    assert enqueuer.finish(30)

    assert held.calls == [1, 3, 2]


@pytest.mark.parametrize(("bound", "most"), [("_MOST_WAITING", 1), ("_MOST_WAITING_BYTES", 2_000)])
def test_caller_makes_its_own_copy_where_too_much_waits(
    broker: LedgerRedisBroker,
    held: Held,
    monkeypatch: pytest.MonkeyPatch,
    redis_client: redis.Redis,
    bound: str,
    most: int,
) -> None:
    monkeypatch.setattr(enqueuer, bound, most)
    actor = actor_on(broker)
    dispatch(actor, "x" * 1_000)
    assert held.begun.wait(30)
    dispatch(actor, "x" * 1_000)

    last = done(dispatch(actor))

    assert ready(redis_client) == [redis_id(last.job_id, 1).encode()]
    assert last.enqueued


def test_threads_that_dispatch_at_once_are_each_told_their_own(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    actor = actor_on(broker)

    answers = in_threads([lambda: [done(dispatch(actor)) for _ in range(25)]] * 8)

    ours = [one for each in answers for one in each]
    assert all(one.enqueued for one in ours)
    assert sorted(ready(redis_client)) == sorted(redis_id(one.job_id, 1).encode() for one in ours)


def test_broker_of_the_applications_has_its_message_when_dispatch_returns(held: Held) -> None:
    held.go.set()
    broker = StubBroker(middleware=[Correlation()])
    broker.declare_queue("default")

    answer = done(dispatch(actor_on(broker)))

    assert broker.queues["default"].qsize() == 1
    assert answer.enqueued


def test_error_in_the_thread_is_told_and_the_next_dispatch_goes_on(
    broker: LedgerRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(enqueuer, "event", lambda name, *level, **fields: told.append(name))
    monkeypatch.setattr(enqueuer, "make_ready", lambda *args, **kwargs: 1 / 0)
    actor = actor_on(broker)
    failed = done(dispatch(actor))
    assert not failed.enqueued
    monkeypatch.setattr(enqueuer, "make_ready", copies.make_ready)

    answer = done(dispatch(actor))

    assert answer.enqueued
    assert told == ["enqueuer_failed"]


def test_count_that_fails_holds_up_no_later_dispatch(
    broker: LedgerRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(enqueuer, "event", lambda name, *level, **fields: told.append(name))
    monkeypatch.setattr("middleware.metrics.job_dispatched", lambda *labels: 1 / 0)
    actor = actor_on(broker)
    first = done(dispatch(actor))
    assert enqueuer.finish(30)

    second = done(dispatch(actor))

    assert (first.enqueued, second.enqueued) == (True, True)
    assert enqueuer.finish(30)
    assert told == ["enqueuer_failed"] * 2


def test_thread_that_died_is_replaced_by_whoever_waits(
    broker: LedgerRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enqueuer, "_enqueuer", enqueuer._Enqueuer())
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    with monkeypatch.context() as broken:
        broken.setattr(enqueuer, "_tell", lambda batch: sys.exit("the thread ends"))
        answers = [done(dispatch(actor_on(broker)))]
        assert answers[0].enqueued
        until(lambda: not enqueuer._enqueuer._thread.is_alive())  # type: ignore[union-attr]
    enqueuer._enqueuer._waiting.put(late := enqueuer.Handover([], []))

    assert not late.is_ready(UUID(int=0))


def test_where_no_thread_is_to_be_had_the_caller_makes_the_copy(
    broker: LedgerRedisBroker, monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(enqueuer, "_enqueuer", enqueuer._Enqueuer())
    monkeypatch.setattr(threading.Thread, "start", refused)

    answer = done(dispatch(actor_on(broker)))

    assert ready(redis_client) == [redis_id(answer.job_id, 1).encode()]
    assert answer.enqueued


def test_redis_away_holds_up_no_caller_and_its_jobs_are_the_relays(held: Held) -> None:
    actor = actor_on(broker_on(NO_REDIS, Correlation()))

    answers = dispatch_many(Job(actor) for _ in range(3))
    held.go.set()

    assert [done(one).enqueued for one in answers] == [False] * 3
    assert query("SELECT DISTINCT state FROM background_job") == [("pending",)]


def test_connection_that_took_releases_back_is_not_kept(ledger_database: str) -> None:
    enqueuer.finish(30)
    before = connections(ledger_database)

    done(dispatch(actor_on(broker_on(NO_REDIS, Correlation()))))
    assert enqueuer.finish(30)

    until(lambda: connections(ledger_database) == before, "the connection being closed")


def test_lines_tell_when_it_was_dispatched_and_whether_its_copy_was_made(
    broker: LedgerRedisBroker, held: Held, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(level="INFO", format="json")
    answer = done(dispatch(actor_on(broker)))
    assert held.begun.wait(30)
    logs.event("later")
    held.go.set()
    assert enqueuer.finish(30)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [one for one in lines if one["event"] == "job_dispatched"]
    (later,) = [one for one in lines if one["event"] == "later"]
    assert (line["job_id"], line["enqueued"]) == (answer.job_id, True)
    assert line["at"] <= later["at"]
    assert lines.index(line) > lines.index(later)
