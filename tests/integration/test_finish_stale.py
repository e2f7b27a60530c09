"""A finish that comes again, too late or beside a recovery: what is done counts as done, stale holders move nothing."""

from __future__ import annotations

import pytest

from models.database import query
from models.ledger.finish import Finish, finish, give_back
from models.ledger.release import release_due
from models.ledger.workers import recover_jobs
from tests.ledger_cases import (
    DEDUPE_S,
    attempt_row,
    attempts_of,
    claimed,
    death,
    dispatched,
    in_threads,
    job_row,
    lose,
    other_session,
    registered,
    retry,
    state_of,
    success,
    when_somebody_waits,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


def test_finish_repeated_after_a_lost_reply_changes_nothing_and_counts_as_done() -> None:
    holder = registered()
    batch = [success(claimed(holder)), retry(claimed(holder)), death(claimed(holder))]
    finish(holder.id, batch, dedupe_s=DEDUPE_S)
    before = query("SELECT * FROM background_job ORDER BY id")

    again = finish(holder.id, batch, dedupe_s=DEDUPE_S)

    assert again.moved == frozenset(done.claim.job_id for done in batch)
    assert again.stale == ()
    assert query("SELECT * FROM background_job ORDER BY id") == before
    assert query("SELECT count(*) FROM dead_letter") == [(1,)]
    assert query("SELECT count(*) FROM background_function_run WHERE late_status IS NOT NULL") == [(0,)]


def test_finish_repeated_while_the_job_runs_again_counts_as_done() -> None:
    holder, job = registered(), dispatched()
    first = retry(claimed(holder, job))
    finish(holder.id, [first], dedupe_s=DEDUPE_S)
    (released,) = release_due("default", 1)
    claimed(holder, job, released.release)

    again = finish(holder.id, [first], dedupe_s=DEDUPE_S)

    assert (again.moved, again.stale) == (frozenset({job.id}), ())
    assert job_row(job.id, "state", "fence") == ("running", 2)


def test_stale_holders_finish_moves_nothing_and_is_stored() -> None:
    holder, other, job = registered(), registered(), dispatched()
    paused = claimed(holder, job)
    lose(holder)
    recover_jobs(holder.id, crashed=[], suspects=[], max_crashes=3)
    (released,) = release_due("default", 1)
    claimed(other, job, released.release)

    stale = success(paused, result='"late"')
    finished = finish(holder.id, [stale], dedupe_s=DEDUPE_S)

    assert (finished.moved, finished.stale) == (frozenset(), (stale,))
    assert job_row(job.id, "state", "fence", "result", "worker_id") == ("running", 2, None, other.id)
    assert attempt_row(paused, "status", "late_status", "late_at IS NOT NULL") == ("LOST", "SUCCEEDED", True)


def test_stale_death_writes_no_letter() -> None:
    holder, job = registered(), dispatched()
    paused = claimed(holder, job)
    lose(holder)
    recover_jobs(holder.id, crashed=[], suspects=[], max_crashes=3)

    finish(holder.id, [death(paused)], dedupe_s=DEDUPE_S)

    assert query("SELECT count(*) FROM dead_letter") == [(0,)]


def test_right_fence_under_another_workers_name_moves_nothing() -> None:
    # After a failover that took commits back, two workers can hold the same fence.
    holder, other = registered(), registered()
    claim = claimed(holder)

    finished = finish(other.id, [success(claim)], dedupe_s=DEDUPE_S)

    assert finished.moved == frozenset()
    assert state_of(claim.job_id) == "running"


def test_cancellation_of_a_claim_that_was_given_back_is_stale_not_done() -> None:
    # Both close the attempt as CANCELLED, but the job runs again.
    holder = registered()
    claim = claimed(holder)
    give_back(holder.id, [claim])
    cancelled = Finish(claim, "CANCELLED", "cancelled", verdict="cancel", rule="cancelled")

    finished = finish(holder.id, [cancelled], dedupe_s=DEDUPE_S)

    assert finished.stale == (cancelled,)
    assert state_of(claim.job_id) == "pending"


def test_stale_and_live_finish_of_one_job_in_a_batch_do_not_mix() -> None:
    holder, job = registered(), dispatched()
    old = claimed(holder, job)
    give_back(holder.id, [old])
    (released,) = release_due("default", 1)
    live = claimed(holder, job, released.release)

    stale = death(old, redis_id="r1")
    finished = finish(holder.id, [stale, success(live, result="2")], dedupe_s=DEDUPE_S)

    assert (finished.moved, finished.stale) == (frozenset({job.id}), (stale,))
    assert job_row(job.id, "state", "result", "last_error") == ("succeeded", 2, None)
    assert attempts_of(job.id) == ["CANCELLED", "SUCCEEDED"]
    assert query("SELECT count(*) FROM dead_letter") == [(0,)]


@pytest.mark.parametrize("first", ["recovery", "finish"])
def test_finish_and_recovery_at_once_move_the_job_once(ledger_database: str, first: str) -> None:
    holder, job = registered(), dispatched()
    claim = claimed(holder, job)
    lose(holder)
    calls = [
        lambda: len(finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S).moved),
        lambda: len(recover_jobs(holder.id, crashed=[], suspects=[], max_crashes=3)),
    ]

    moved = in_threads(calls if first == "finish" else calls[::-1])

    assert sorted(moved) == [0, 1]
    assert (state_of(job.id), attempts_of(job.id)) in [("succeeded", ["SUCCEEDED"]), ("pending", ["LOST"])]


def test_finish_that_waited_for_a_concurrent_loss_is_stale(ledger_database: str) -> None:
    holder, job = registered(), dispatched()
    claim = claimed(holder, job)

    with other_session(ledger_database) as cursor:
        cursor.execute(
            "UPDATE background_job SET state = 'pending', worker_id = NULL, claim_id = NULL WHERE id = %s",
            (str(job.id),),
        )
        with when_somebody_waits(ledger_database, cursor.connection.commit):
            finished = finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)

    assert finished.moved == frozenset()
    assert state_of(job.id) == "pending"


def test_give_back_by_a_stale_holder_moves_nothing() -> None:
    holder, job = registered(), dispatched()
    old = claimed(holder, job)
    give_back(holder.id, [old])
    (released,) = release_due("default", 1)
    claimed(holder, job, released.release)

    moved = give_back(holder.id, [old])

    assert moved == frozenset()
    assert job_row(job.id, "state", "fence") == ("running", 2)
