"""A claim beside other claims and changes: made twice, made by many at once, or held up by a lock."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest

from models.database import query, run
from models.ledger.claim import Claimed, Refused, claim
from models.ledger.finish import give_back
from policy.states import RefusedCopy
from tests.ledger_cases import (
    DEDUPE_S,
    answers_to,
    attempts_of,
    claimed,
    copy_of_job,
    dispatched,
    in_threads,
    lose,
    other_session,
    plain_send,
    registered,
    wanted,
    when_somebody_waits,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.mark.parametrize("release", [pytest.param(1, id="released"), pytest.param(None, id="plain")])
def test_one_job_claimed_by_many_at_once_is_claimed_by_one(release: int | None) -> None:
    holders = [registered() for _ in range(6)]
    job = dispatched() if release else wanted()

    answers = [
        one[job.id] for one in in_threads([partial(answers_to, one, copy_of_job(job, release)) for one in holders])
    ]

    assert sorted(type(one).__name__ for one in answers) == ["Claimed"] + ["Refused"] * 5
    assert {one.outcome for one in answers if isinstance(one, Refused)} == {RefusedCopy.DUPLICATE}
    assert attempts_of(job.id) == ["RUNNING"]


def test_repeated_claim_after_a_lost_reply_gets_its_fences_again() -> None:
    holder, claim_id = registered(), uuid4()
    copies = [copy_of_job(dispatched()), plain_send(), copy_of_job(dispatched())]
    first = claim(holder, claim_id, copies[:2], dedupe_s=DEDUPE_S)

    again = claim(holder, claim_id, copies, dedupe_s=DEDUPE_S, repeated=True)

    for copy in copies[:2]:
        before, after = first[copy.job_id], again[copy.job_id]
        assert isinstance(before, Claimed)
        assert isinstance(after, Claimed)
        assert before._replace(payload=None) == after._replace(payload=None)
        assert bytes(after.payload or b"") == copy.payload
    assert isinstance(again[copies[2].job_id], Claimed)
    assert query("SELECT count(*) FROM background_function_run") == [(3,)]


def test_repeated_claim_of_a_job_that_was_given_back_meanwhile_is_stale() -> None:
    holder, claim_id, job = registered(), uuid4(), dispatched()
    first = answers_to(holder, copy_of_job(job), claim_id=claim_id)[job.id]
    assert isinstance(first, Claimed)
    give_back(holder.id, [first])

    again = claim(holder, claim_id, [copy_of_job(job)], dedupe_s=DEDUPE_S, repeated=True)

    assert again == {job.id: Refused(RefusedCopy.STALE)}


def test_another_workers_claim_under_the_same_claim_id_gets_nothing() -> None:
    one, other, claim_id, job = registered(), registered(), uuid4(), dispatched()
    answers_to(one, copy_of_job(job), claim_id=claim_id)

    answer = claim(other, claim_id, [copy_of_job(job)], dedupe_s=DEDUPE_S, repeated=True)

    assert answer == {job.id: Refused(RefusedCopy.DUPLICATE)}


def test_plain_send_whose_key_is_being_dispatched_waits_for_that(ledger_database: str) -> None:
    holder, copy = registered(), plain_send("k")

    with other_session(ledger_database) as cursor:
        cursor.execute(
            "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, state, run_at,"
            " correlation_id, requested_at)"
            " VALUES (gen_random_uuid(), 'k', now(), 'a', 'default', '', 'pending', now(), '-', now())"
        )
        with when_somebody_waits(ledger_database, cursor.connection.commit):
            answer = answers_to(holder, copy)[copy.job_id]

    assert isinstance(answer, Refused)
    assert answer.outcome is RefusedCopy.DUPLICATE


def test_claim_that_waited_for_a_concurrent_change_sees_it(ledger_database: str) -> None:
    # The statement's snapshot says queued; while it waits for the row's lock, the job is cancelled.
    holder, job = registered(), dispatched()

    with other_session(ledger_database) as cursor:
        cursor.execute(
            "UPDATE background_job SET state = 'cancelled', holds_key = false, finished_at = now() WHERE id = %s",
            (str(job.id),),
        )
        with when_somebody_waits(ledger_database, cursor.connection.commit):
            answer = answers_to(holder, copy_of_job(job))[job.id]

    assert answer == Refused(RefusedCopy.CANCELLED)
    assert attempts_of(job.id) == []


def test_claim_that_waited_for_another_release_is_stale(ledger_database: str) -> None:
    holder, job = registered(), dispatched()

    with other_session(ledger_database) as cursor:
        cursor.execute("UPDATE background_job SET release = 2 WHERE id = %s", (str(job.id),))
        with when_somebody_waits(ledger_database, cursor.connection.commit):
            answer = answers_to(holder, copy_of_job(job))[job.id]

    assert answer == Refused(RefusedCopy.STALE)


def test_rest_of_the_batch_is_claimed_where_one_row_had_changed(ledger_database: str) -> None:
    holder, jobs = registered(), sorted((dispatched() for _ in range(3)), key=lambda job: job.id)

    with other_session(ledger_database) as cursor:
        cursor.execute("UPDATE background_job SET release = 2 WHERE id = %s", (str(jobs[1].id),))
        with when_somebody_waits(ledger_database, cursor.connection.commit):
            answers = answers_to(holder, *(copy_of_job(job) for job in jobs))

    assert [type(answers[job.id]).__name__ for job in jobs] == ["Claimed", "Refused", "Claimed"]


def test_claim_in_the_moment_of_the_loss_is_recovered_with_the_others() -> None:
    holder, job = registered(), dispatched()
    claimed(holder, job)

    lose(holder)

    assert query("SELECT count(*) FROM background_job WHERE worker_id = %s AND state = 'running'", (holder.id,)) == [
        (1,)
    ]
    assert run("claims_held", (uuid4(), holder.id, [job.id])) == []
