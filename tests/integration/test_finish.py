"""The finish: attempts closed and jobs moved by one guarded statement; stale holders move nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import psycopg2
import pytest

from middleware.envelopes import json_text
from middleware.outcomes import failure_of
from models.database import query
from models.ledger.claim import Claimed
from models.ledger.finish import Finish, finish, give_back, mark_started
from models.ledger.release import release_due
from models.ledger.workers import recover_jobs
from tests.broker_cases import counted_statements
from tests.ledger_cases import (
    DEDUPE_S,
    FAILURE,
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


def attempt_row(claim: Claimed, *columns: str) -> tuple[object, ...]:
    """These columns of the claim's attempt."""
    return query(f"SELECT {', '.join(columns)} FROM background_function_run WHERE id = %s", (claim.run_id,))[0]


def test_success_closes_the_attempt_and_the_job_together() -> None:
    holder, job = registered(), dispatched("k")
    claim = claimed(holder, job)

    finished = finish(
        holder.id, [success(claim, result='{"a": 1}', started_after_s=2.0, duration_s=0.5)], dedupe_s=DEDUPE_S
    )

    assert (finished.moved, finished.stale) == (frozenset({job.id}), ())
    columns = ("state", "result", "holds_key", "worker_id", "claim_id", "finished_at IS NOT NULL")
    assert job_row(job.id, *columns) == ("succeeded", {"a": 1}, True, None, None, True)
    assert attempt_row(claim, "status", "duration_ms", "started_at", "finished_at IS NOT NULL", "error_class") == (
        "SUCCEEDED",
        500.0,
        claim.claimed_at + timedelta(seconds=2),
        True,
        None,
    )


def test_queue_wait_ends_with_the_start_not_with_the_claim() -> None:
    holder = registered()
    claim = claimed(holder)

    finish(holder.id, [success(claim, started_after_s=2.0)], dedupe_s=DEDUPE_S)

    assert attempt_row(claim, "round(queue_ms)::int") == (round(claim.queue_ms + 2000),)


def test_retry_waits_in_postgres_and_spends_an_attempt() -> None:
    holder, job = registered(), dispatched("k")
    claim = claimed(holder, job)
    run_at = datetime.now(timezone.utc) + timedelta(minutes=5)

    finish(holder.id, [retry(claim, run_at=run_at, wait_s=None, rule="r1")], dedupe_s=DEDUPE_S)

    columns = ("state", "run_at", "attempts", "attempts_spent", "throttles", "holds_key", "last_error", "finished_at")
    assert job_row(job.id, *columns) == ("pending", run_at, 1, 1, 0, True, FAILURE.message, None)
    assert attempt_row(claim, "status", "verdict", "rule", "error_class", "error_message", "fingerprint") == (
        "FAILED",
        "retry",
        "r1",
        FAILURE.error_class,
        FAILURE.message,
        FAILURE.fingerprint,
    )


def test_throttle_spends_a_throttle_only() -> None:
    holder, job = registered(), dispatched()

    finish(
        holder.id,
        [retry(claimed(holder, job), spends_attempt=False, spends_throttle=True, verdict="throttled")],
        dedupe_s=DEDUPE_S,
    )

    assert job_row(job.id, "attempts_spent", "throttles") == (0, 1)


def test_reschedule_spends_nothing_and_keeps_no_error() -> None:
    holder, job = registered(), dispatched()
    claim = claimed(holder, job)

    finish(holder.id, [Finish(claim, "RESCHEDULED", "pending", wait_s=60.0, verdict="reschedule")], dedupe_s=DEDUPE_S)

    assert job_row(job.id, "state", "attempts_spent", "throttles", "last_error") == ("pending", 0, 0, None)
    assert attempt_row(claim, "status", "error_class") == ("RESCHEDULED", None)


def test_time_in_the_past_means_now() -> None:
    holder, job = registered(), dispatched()

    finish(
        holder.id,
        [retry(claimed(holder, job), run_at=datetime(2020, 1, 1, tzinfo=timezone.utc), wait_s=None)],
        dedupe_s=DEDUPE_S,
    )

    assert job_row(job.id, "run_at BETWEEN created_at AND clock_timestamp()") == (True,)


def test_death_writes_its_letter_and_lets_the_key_go_in_the_same_statement() -> None:
    holder, job = registered(), dispatched("k", payload=b"envelope", client_id="c1")
    claim = claimed(holder, job)

    with counted_statements() as sent:
        finish(holder.id, [death(claim, redis_id="r1")], dedupe_s=DEDUPE_S)

    assert len(sent) == 1
    assert job_row(job.id, "state", "holds_key") == ("dead", False)
    columns = "job_id, queue, redis_message_id, reason, error_class, error_message, client_id, resolution, payload"
    *letter, payload = query(f"SELECT {columns} FROM dead_letter")[0]
    assert letter == [job.id, "default", "r1", "terminal", "ValueError", "no", "c1", "OPEN"]
    assert bytes(payload) == b"envelope"


def test_second_death_of_a_requeued_job_writes_a_second_letter() -> None:
    holder, job = registered(), dispatched()
    finish(holder.id, [death(claimed(holder, job))], dedupe_s=DEDUPE_S)
    query("UPDATE dead_letter SET resolution = 'REQUEUED', resolved_at = now()")
    query("UPDATE background_job SET state = 'pending', holds_key = true, finished_at = NULL")
    (released,) = release_due("default", 1)

    finish(holder.id, [death(claimed(holder, job, released.release))], dedupe_s=DEDUPE_S)

    assert query("SELECT resolution FROM dead_letter ORDER BY died_at") == [("REQUEUED",), ("OPEN",)]


def test_mixed_batch_is_one_statement_and_every_outcome_its_own() -> None:
    holder = registered()
    jobs = [dispatched() for _ in range(4)]
    one, two, three, four = (claimed(holder, job) for job in jobs)

    with counted_statements() as sent:
        finished = finish(
            holder.id,
            [
                success(one, result="1"),
                retry(two),
                death(three),
                Finish(four, "CANCELLED", "cancelled", verdict="cancel", rule="c"),
            ],
            dedupe_s=DEDUPE_S,
        )

    assert len(sent) == 1
    assert finished.moved == frozenset(job.id for job in jobs)
    assert [state_of(job.id) for job in jobs] == ["succeeded", "pending", "dead", "cancelled"]
    assert [attempts_of(job.id) for job in jobs] == [["SUCCEEDED"], ["FAILED"], ["FAILED"], ["CANCELLED"]]
    assert query("SELECT job_id FROM dead_letter") == [(jobs[2].id,)]


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


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\x00b", id="nul"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param({"k\x00": ["\udfff"]}, id="nested"),
        pytest.param("literal \\u0000 and \\ud800", id="escapes-that-are-text"),
        pytest.param("\N{GRINNING FACE}", id="pair"),
        pytest.param(float("nan"), id="nan"),
        pytest.param(10**400, id="great-number"),
        pytest.param(object(), id="not-json"),
        pytest.param({(1, 2): 3}, id="keys-that-are-not-text"),
    ],
)
def test_any_result_can_be_stored(value: object) -> None:
    holder, job = registered(), dispatched()

    finish(holder.id, [success(claimed(holder, job), result=json_text(value))], dedupe_s=DEDUPE_S)

    assert state_of(job.id) == "succeeded"
    assert job_row(job.id, "result IS NOT NULL") == (True,)


def test_storable_result_is_stored_as_it_is() -> None:
    holder, job = registered(), dispatched()
    value = {"a": [1, 2.5, None, True, "é\N{GRINNING FACE}", "literal \\u0000"]}

    finish(holder.id, [success(claimed(holder, job), result=json_text(value))], dedupe_s=DEDUPE_S)

    assert job_row(job.id, "result") == (json.loads(json.dumps(value)),)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800x", "é" * 100_000])
def test_any_error_text_can_be_stored(text: str) -> None:
    holder, job = registered(), dispatched()

    failure = failure_of(ValueError(text))
    finish(holder.id, [death(claimed(holder, job), failure=failure)], dedupe_s=DEDUPE_S)

    assert state_of(job.id) == "dead"
    (length,) = job_row(job.id, "octet_length(last_error)")
    assert 0 < length <= 2_000


def test_result_that_postgres_refuses_moves_nothing_of_its_batch() -> None:
    holder, good, bad = registered(), dispatched(), dispatched()
    batch = [success(claimed(holder, good)), success(claimed(holder, bad), result="{")]

    with pytest.raises(psycopg2.Error):
        finish(holder.id, batch, dedupe_s=DEDUPE_S)

    assert (state_of(good.id), state_of(bad.id)) == ("running", "running")


def test_give_back_is_due_now_under_a_new_release_and_spends_nothing() -> None:
    holder, job = registered(), dispatched("k")
    claim = claimed(holder, job)

    moved = give_back(holder.id, [claim])

    assert moved == frozenset({job.id})
    columns = ("state", "release", "attempts_spent", "crashes", "holds_key", "run_at <= now()", "worker_id")
    assert job_row(job.id, *columns) == ("pending", 2, 0, 0, True, True, None)
    assert attempt_row(claim, "status", "rule", "started_at") == ("CANCELLED", "given-back", None)


def test_give_back_by_a_stale_holder_moves_nothing() -> None:
    holder, job = registered(), dispatched()
    old = claimed(holder, job)
    give_back(holder.id, [old])
    (released,) = release_due("default", 1)
    claimed(holder, job, released.release)

    moved = give_back(holder.id, [old])

    assert moved == frozenset()
    assert job_row(job.id, "state", "fence") == ("running", 2)


def test_given_back_job_keeps_its_place_in_the_queue() -> None:
    holder, job = registered(), dispatched()
    query("UPDATE background_job SET run_at = clock_timestamp() - interval '1 hour'")
    (before,) = job_row(job.id, "run_at")

    give_back(holder.id, [claimed(holder, job)])

    assert job_row(job.id, "run_at") == (before,)


def test_start_is_said_of_running_attempts_only() -> None:
    holder = registered()
    running, over = claimed(holder), claimed(holder)
    finish(holder.id, [success(over, started_after_s=0.5)], dedupe_s=DEDUPE_S)

    mark_started([(running, 1.0), (over, 2.0)])

    assert attempt_row(running, "started_at") == (running.claimed_at + timedelta(seconds=1),)
    assert attempt_row(over, "started_at") == (over.claimed_at + timedelta(seconds=0.5),)


def test_attempt_numbers_count_executions_and_are_never_reset() -> None:
    holder, job = registered(), dispatched()
    for release in (1, 2, 3):
        claim = claimed(holder, job, release)
        finish(holder.id, [retry(claim, spends_attempt=release != 2)], dedupe_s=DEDUPE_S)
        assert release == 3 or len(release_due("default", 1)) == 1

    assert query("SELECT attempt, run_key FROM background_function_run ORDER BY attempt") == [
        (number, f"actor:{job.id}:{number}") for number in (1, 2, 3)
    ]
    assert job_row(job.id, "attempts", "attempts_spent") == (3, 2)
