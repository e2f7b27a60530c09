"""The finish: attempts closed and jobs moved by one guarded statement, each outcome in its own way."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from models.database import query
from models.ledger.finish import Finish, finish, give_back, mark_started
from models.ledger.release import release_due
from tests.broker_cases import counted_statements
from tests.ledger_cases import (
    DEDUPE_S,
    FAILURE,
    attempt_row,
    attempts_of,
    claimed,
    death,
    dispatched,
    job_row,
    registered,
    retry,
    state_of,
    success,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


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


def test_give_back_is_due_now_under_a_new_release_and_spends_nothing() -> None:
    holder, job = registered(), dispatched("k")
    claim = claimed(holder, job)

    moved = give_back(holder.id, [claim])

    assert moved == frozenset({job.id})
    columns = ("state", "release", "attempts_spent", "crashes", "holds_key", "run_at <= now()", "worker_id")
    assert job_row(job.id, *columns) == ("pending", 2, 0, 0, True, True, None)
    assert attempt_row(claim, "status", "rule", "started_at") == ("CANCELLED", "given-back", None)


def test_job_that_goes_back_for_a_while_is_due_after_it() -> None:
    holder, job = registered(), dispatched()
    claim = claimed(holder, job)

    give_back(holder.id, [claim], wait_s=20.4)

    (in_s,) = job_row(job.id, "extract(epoch FROM run_at - clock_timestamp())::float8")
    assert 10 < in_s <= 20.4
    assert job_row(job.id, "state", "release", "attempts_spent") == ("pending", 2, 0)


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
