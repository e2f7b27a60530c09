"""What follows from a job is inserted with its finish: once, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg2
import pytest

from middleware.finish_writer import FinishWriter
from middleware.in_hand import Held
from models import database as db
from models.database import query
from models.ledger.claim import Claimed
from models.ledger.finish import Finish, finish
from tests.broker_cases import broker_on, worker_process
from tests.ledger_cases import (
    DEDUPE_S,
    backend_waits_for_lock,
    claimed,
    death,
    dispatched,
    other_session,
    registered,
    retry,
    state_of,
    success,
    until,
    wanted,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


def jobs_named(key: str) -> list[tuple[UUID, str]]:
    """Ids and states of the jobs that were dispatched for `key`."""
    return [(row[0], row[1]) for row in query("SELECT id, state FROM background_job WHERE dispatch_key = %s", (key,))]


def test_follow_up_is_inserted_with_the_finish_and_owed_a_copy() -> None:
    holder, following = registered(), wanted("next")

    finished = finish(holder.id, [success(claimed(holder), follow_ups=[following])], dedupe_s=DEDUPE_S)

    assert finished.released == (following,)
    assert jobs_named("next") == [(following.id, "queued")]


def test_later_follow_up_waits_in_postgres_and_is_owed_no_copy() -> None:
    holder, following = registered(), wanted("next", delay_s=60.0)

    finished = finish(holder.id, [success(claimed(holder), follow_ups=[following])], dedupe_s=DEDUPE_S)

    assert finished.released == ()
    assert jobs_named("next") == [(following.id, "pending")]


@pytest.mark.parametrize("outcome", [retry, death])
def test_follow_ups_of_failed_attempts_are_inserted_too(outcome: Callable[..., Finish]) -> None:
    holder, following = registered(), wanted("next")

    finish(holder.id, [outcome(claimed(holder), follow_ups=[following])], dedupe_s=DEDUPE_S)

    assert len(jobs_named("next")) == 1


def test_repeated_finish_inserts_nothing_again() -> None:
    holder, following = registered(), wanted("next")
    done = success(claimed(holder), follow_ups=[following])
    finish(holder.id, [done], dedupe_s=DEDUPE_S)
    finish(holder.id, [success(claimed(holder, following))], dedupe_s=DEDUPE_S)
    query("UPDATE background_job SET holds_key = false WHERE dispatch_key = 'next'")

    again = finish(holder.id, [done], dedupe_s=DEDUPE_S)

    assert again.released == ()
    assert jobs_named("next") == [(following.id, "succeeded")]


def test_stale_finish_inserts_no_follow_up() -> None:
    holder = registered()
    stale = success(claimed(holder), follow_ups=[wanted("stale")])
    live = success(claimed(holder), follow_ups=[wanted("live")])
    query("UPDATE background_job SET fence = fence + 1 WHERE id = %s", (stale.claim.job_id,))

    finished = finish(holder.id, [stale, live], dedupe_s=DEDUPE_S)

    assert finished.stale == (stale,)
    assert (len(jobs_named("stale")), len(jobs_named("live"))) == (0, 1)


def test_follow_up_of_a_second_attempt_has_a_job_of_its_own() -> None:
    holder, job = registered(), dispatched()
    first = claimed(holder, job)
    finish(holder.id, [retry(first, follow_ups=[wanted("next:1")])], dedupe_s=DEDUPE_S)
    query("UPDATE background_job SET state = 'queued', release = 2, released_at = now() WHERE id = %s", (job.id,))

    finish(holder.id, [success(claimed(holder, job, 2), follow_ups=[wanted("next:2")])], dedupe_s=DEDUPE_S)

    assert (len(jobs_named("next:1")), len(jobs_named("next:2"))) == (1, 1)


def test_follow_up_whose_key_another_job_holds_leaves_the_finish_alone() -> None:
    holder, blocker = registered(), dispatched("taken")

    finished = finish(holder.id, [success(claimed(holder), follow_ups=[wanted("taken")])], dedupe_s=DEDUPE_S)

    assert len(finished.moved) == 1
    assert finished.released == ()
    assert jobs_named("taken") == [(blocker.id, "queued")]


def test_follow_up_that_postgres_refuses_takes_the_finish_back_with_it() -> None:
    holder, job = registered(), dispatched()
    bad = wanted("next", attempts_allowed=0)

    with pytest.raises(psycopg2.Error):
        finish(holder.id, [success(claimed(holder, job), follow_ups=[bad])], dedupe_s=DEDUPE_S)

    assert state_of(job.id) == "running"


@pytest.fixture
def impatient_database(ledger_database: str) -> Iterator[str]:
    """Locks are waited for 100 ms; gives the database's URL."""
    db.close_connection()
    db.connect(ledger_database, lock_timeout_ms=100)
    yield ledger_database
    db.connect(ledger_database)


def test_follow_up_whose_key_is_in_an_open_transaction_keeps_no_other_finish_waiting(
    impatient_database: str, redis_url: str
) -> None:
    broker = broker_on(redis_url)
    process = worker_process(broker)
    writer = FinishWriter(process)
    holder = registered()
    blocked, others = dispatched(), [dispatched() for _ in range(3)]
    claims = {job.id: claimed(holder, job) for job in (blocked, *others)}

    with other_session(impatient_database) as cursor:
        cursor.execute(
            "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, state, run_at,"
            " correlation_id, requested_at)"
            " VALUES (gen_random_uuid(), 'busy', now(), 'a', 'default', '', 'pending', now(), '-', now())"
        )
        for job in (blocked, *others):
            follow_ups = [wanted("busy")] if job is blocked else []
            writer.put(held(claims[job.id], holder.id), success(claims[job.id], follow_ups=follow_ups))
        writer.start()
        until(lambda: all(state_of(job.id) == "succeeded" for job in others), "the other finishes")
        until(lambda: backend_waits_for_lock(impatient_database), "another try")
        before = state_of(blocked.id)

    until(lambda: state_of(blocked.id) == "succeeded", "the finish that waited")
    assert before == "running"
    assert len(jobs_named("busy")) == 1
    assert writer.end(5)


def held(claim: Claimed, worker_id: UUID) -> Held:
    """That claim in hand, on a broker that is not ours."""
    return Held(claim, worker_id, "actor", "default")
