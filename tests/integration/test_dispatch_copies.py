"""Dispatch through an actor: when its copy reaches Redis, when it does not, and what the result says."""

from __future__ import annotations

import contextlib
from typing import Any, cast
from uuid import UUID

import dramatiq
import pytest
import redis
from dramatiq.middleware import Retries

from actors.dispatch import Duplicate, Job, dispatch, dispatch_many
from middleware.correlation import Correlation, Scope, bound
from middleware.redis_broker import LedgerRedisBroker
from models.database import atomic, query
from policy.keys import redis_id
from tests.broker_cases import NO_REDIS, actor_on, broker_on, counted_statements, done
from tests.ledger_cases import job_row, other_session, state_of

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker on the session's Redis."""
    return broker_on(redis_url, Correlation())


def ready(client: redis.Redis, queue: str = "default") -> list[str]:
    """Redis ids on the queue's ready list."""
    return [str(cast(bytes, name), "utf-8") for name in client.lrange(f"dramatiq:{queue}", 0, -1)]


def test_dispatched_job_is_enqueued_at_once(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    answer = done(dispatch(actor_on(broker), 1, dispatch_key="k"))

    assert answer.enqueued
    assert (answer.dispatch_key, state_of(UUID(answer.job_id))) == ("k", "queued")
    assert ready(redis_client) == [redis_id(answer.job_id, 1)]


def test_single_dispatch_takes_one_round_trip_to_each_server(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    actor = actor_on(broker)
    done(dispatch(actor))
    redis_client.config_resetstat()

    with counted_statements() as sent:
        done(dispatch(actor))

    assert len(sent) == 1
    assert redis_client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1


def test_many_dispatches_at_once_take_one_round_trip_to_each_server(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    actor = actor_on(broker)
    done(dispatch(actor))
    redis_client.config_resetstat()

    with counted_statements() as sent:
        answers = dispatch_many(Job(actor, (number,)) for number in range(500))

    assert len(sent) == 1
    assert all(done(one).enqueued for one in answers)
    assert redis_client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1


def test_redis_down_leaves_the_job_pending_and_the_result_says_so() -> None:
    answer = done(dispatch(actor_on(broker_on(NO_REDIS, Correlation())), dispatch_key="k"))

    assert not answer.enqueued
    assert job_row(UUID(answer.job_id), "state", "holds_key") == ("pending", True)


def test_full_ready_list_leaves_the_job_pending_and_the_result_says_so(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    actor = actor_on(broker)
    broker.set_ready_bound("default", 2, ttl_s=60)

    answers = [done(dispatch(actor)) for _ in range(3)]

    assert [one.enqueued for one in answers] == [True, True, False]
    assert [state_of(UUID(one.job_id)) for one in answers] == ["queued", "queued", "pending"]
    assert len(ready(redis_client)) == 2


def test_copy_reaches_redis_only_after_the_callers_commit(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    with atomic():
        answer = done(dispatch(actor_on(broker)))
        before = (ready(redis_client), answer.enqueued)

    assert before == ([], False)
    assert answer.enqueued
    assert ready(redis_client) == [redis_id(answer.job_id, 1)]


def test_rolled_back_dispatch_leaves_no_copy(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    with contextlib.suppress(KeyError), atomic():
        dispatch(actor_on(broker))
        raise KeyError

    assert ready(redis_client) == []
    assert query("SELECT count(*) FROM background_job") == [(0,)]


def test_rolled_back_savepoint_drops_its_enqueue_alone(broker: LedgerRedisBroker, redis_client: redis.Redis) -> None:
    actor = actor_on(broker)

    with atomic():
        kept = done(dispatch(actor))
        with contextlib.suppress(KeyError), atomic():
            dropped = done(dispatch(actor))
            raise KeyError

    assert (kept.enqueued, dropped.enqueued) == (True, False)
    assert ready(redis_client) == [redis_id(kept.job_id, 1)]


def test_duplicates_are_counted_only_after_the_callers_commit(broker: LedgerRedisBroker, ledger_database: str) -> None:
    actor = actor_on(broker)
    first = done(dispatch(actor, dispatch_key="k"))

    with atomic():
        answer = dispatch(actor, dispatch_key="k")
        with other_session(ledger_database) as cursor:
            # Nobody's dispatch holds a lock on the row of the job that it met.
            cursor.execute("SELECT duplicates_suppressed FROM background_job FOR UPDATE NOWAIT")
            before = cursor.fetchone()

    assert isinstance(answer, Duplicate)
    assert (answer.job_id, answer.state) == (first.job_id, "queued")
    assert before == (0,)
    assert job_row(UUID(first.job_id), "duplicates_suppressed") == (1,)


def test_job_carries_what_its_caller_said(broker: LedgerRedisBroker) -> None:
    answer = done(
        dispatch(
            actor_on(broker),
            7,
            lead_id="l1",
            lead_message_id="m1",
            client_id="c1",
            correlation_id="family",
            source="inbox",
        )
    )

    columns = ("client_id", "correlation_id", "source", "lead_id", "lead_message_id", "attempts_allowed")
    assert job_row(UUID(answer.job_id), *columns) == ("c1", "family", "inbox", "l1", "m1", 5)
    assert answer.correlation_id == "family"


def test_max_retries_of_the_actor_are_the_attempts_allowed_but_one(redis_url: str) -> None:
    actor = actor_on(broker_on(redis_url, Retries()), max_retries=2)

    answer = done(dispatch(actor))

    assert job_row(UUID(answer.job_id), "attempts_allowed") == (3,)


def test_default_key_is_the_job_id(broker: LedgerRedisBroker) -> None:
    answer = done(dispatch(actor_on(broker)))

    assert answer.dispatch_key == answer.job_id


def test_dispatch_from_within_a_job_stays_in_its_family(broker: LedgerRedisBroker) -> None:
    with bound(Scope("family", job_id="parent")):
        answer = done(dispatch(actor_on(broker)))

    assert job_row(UUID(answer.job_id), "correlation_id", "causation_id") == ("family", "parent")


def test_payload_is_the_whole_envelope_without_what_belongs_to_one_copy(
    broker: LedgerRedisBroker, redis_client: redis.Redis
) -> None:
    answer = done(dispatch(actor_on(broker), 1, x=2, client_id="c1"))

    (payload,) = job_row(UUID(answer.job_id), "payload")
    stored = dramatiq.Message.decode(bytes(payload))
    copy = dramatiq.Message.decode(cast(bytes, redis_client.hvals("dramatiq:default.msgs")[0]))
    assert (stored.message_id, stored.args, stored.kwargs) == (answer.job_id, (1,), {"x": 2})
    assert not {"job_id", "release", "redis_message_id"} & set(stored.options)
    assert (copy.options["job_id"], copy.options["release"]) == (answer.job_id, 1)


def test_refused_duplicate_is_told_with_its_holder_and_its_own_ids(
    broker: LedgerRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr("actors.dispatch.event", lambda name, *level, **fields: told.append((name, fields)))
    actor = actor_on(broker)
    holder = done(dispatch(actor, dispatch_key="k", client_id="c1", correlation_id="first"))

    dispatch(actor, dispatch_key="k", client_id="c2", correlation_id="second")

    ids = {"dispatch_key": "k", "correlation_id": "second", "client_id": "c2", "actor": actor.actor_name}
    assert told == [("dispatch_refused_duplicate", {"job_id": holder.job_id, **ids})]


class Stamping(dramatiq.Actor[Any, Any]):
    """An actor class of an application's, which stamps what its actors are sent."""

    def message_with_options(self, **options: Any) -> dramatiq.Message[Any]:
        return super().message_with_options(**options, tenant="t1")


def test_actor_class_that_stamps_its_messages_is_asked(broker: LedgerRedisBroker) -> None:
    actor: Any = dramatiq.actor(actor_name="stamped", broker=broker, actor_class=Stamping)(lambda: None)

    job_id = dispatch(actor).job_id

    ((payload,),) = query("SELECT payload FROM background_job WHERE id = %s", (job_id,))
    envelope = dramatiq.Message.decode(bytes(payload))
    assert (envelope.options["tenant"], envelope.message_id) == ("t1", job_id)
