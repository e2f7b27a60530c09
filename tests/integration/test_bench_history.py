"""The bulk-written past of a ledger is one that the ledger itself could have written."""

from __future__ import annotations

from benchmarks import history
from benchmarks.ground import value


def test_past_has_a_finished_attempt_for_each_finished_job(ledger_database: str) -> None:
    written = history.write(ledger_database, 3_000, lambda _: None)

    jobs = value(ledger_database, "SELECT count(*) FROM background_job WHERE state = 'succeeded'")
    attempts = value(
        ledger_database,
        "SELECT count(*) FROM background_function_run JOIN background_job AS job ON job.id = job_id"
        " WHERE status = 'SUCCEEDED' AND run_key = function_name || ':' || job.id || ':' || attempt",
    )
    assert (jobs, attempts) == (3_000, 3_000)
    assert written.size_bytes > 1_000_000


def test_only_jobs_of_the_last_day_hold_their_keys(ledger_database: str) -> None:
    history.write(ledger_database, 3_000, lambda _: None)

    wrong = value(
        ledger_database, "SELECT count(*) FROM background_job WHERE holds_key <> (key_expires_at > clock_timestamp())"
    )
    holding = value(ledger_database, "SELECT count(*) FROM background_job WHERE holds_key")
    assert wrong <= 1
    assert 90 <= holding <= 110


def test_attempts_of_the_past_lie_in_the_partitions_of_their_months(ledger_database: str) -> None:
    history.write(ledger_database, 300, lambda _: None)

    astray = value(ledger_database, "SELECT count(*) FROM background_function_run_default")

    assert astray == 0
