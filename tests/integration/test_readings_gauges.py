"""What the metrics page shows of the ledger, read as it stands."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from models.database import query
from models.ledger.finish import finish
from models.readings import gauges
from models.readings.paging import database_now
from policy.windows import MOST_MISSING, window_at
from tests.broker_cases import counted_statements
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, registered

pytestmark = pytest.mark.usefixtures("ledger_database")


def due(seconds_ago: float, queue: str, client_id: str | None = None, *, pending: bool = True) -> None:
    """A job that fell due so long ago and has not been claimed."""
    job = dispatched(queue=queue, client_id=client_id)
    query(
        "UPDATE background_job SET run_at = clock_timestamp() - make_interval(secs => %s),"
        " state = CASE WHEN %s THEN 'pending' ELSE state END WHERE id = %s",
        (seconds_ago, pending, job.id),
    )


def window_row(start: datetime, seconds: int = 60) -> None:
    query(
        "INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,"
        " correlation_id, status, process_dispatch_id, maintenance_dispatch_id)"
        " VALUES (%s, 's', now(), %s, %s, 'c', 'ENQUEUED', 'p', 'm')",
        (f"w:{seconds}:{start.isoformat()}", start, seconds),
    )


def test_empty_ledger_has_nothing_to_tell() -> None:
    told = gauges.ledger_gauges(lease_s=30, window_s=60)

    assert told == gauges.LedgerGauges({}, None, {}, 0, None, {}, 0, 0, 0)


def test_age_of_a_queue_is_that_of_its_oldest_due_job_of_any_client() -> None:
    due(10, "mail", "a")
    due(70, "mail", "c")
    due(20, "mail")
    due(30, "default", pending=False)
    due(-60, "later", "a")
    due(-60, "later")

    ages = gauges.queue_ages_s()

    assert {queue: round(age) for queue, age in ages.items()} == {"mail": 70, "default": 30}


def test_claimed_job_is_not_waited_for() -> None:
    claimed(registered())

    assert gauges.queue_ages_s() == {}


def test_open_letters_are_counted_by_reason_with_the_age_of_the_oldest() -> None:
    holder = registered()
    finish(
        holder.id,
        [death(claimed(holder)), death(claimed(holder), death="exhausted"), death(claimed(holder))],
        dedupe_s=DEDUPE_S,
    )
    query("UPDATE dead_letter SET died_at = now() - interval '50 s' WHERE reason = 'exhausted'")

    counts, age_s = gauges.letters_open()

    assert counts == {"terminal": 2, "exhausted": 1}
    assert age_s == pytest.approx(50, abs=5)


def test_worker_that_fell_silent_is_not_alive_although_nobody_declared_it_lost() -> None:
    registered()
    silent = registered()
    query("UPDATE worker SET heartbeat_at = now() - interval '31 s' WHERE id = %s", (silent.id,))

    assert gauges.workers_alive(30) == 1


def test_windows_without_a_row_are_counted_between_the_first_and_the_current_one() -> None:
    current = window_at(database_now(), 60).start
    for back in (5, 3, 0):
        window_row(current - timedelta(minutes=back))
    window_row(current - timedelta(minutes=2), seconds=30)

    assert gauges.windows_missing(60) == 3


def test_windows_missed_long_ago_ring_no_more() -> None:
    window_row(datetime(2020, 1, 1, tzinfo=timezone.utc))

    assert gauges.windows_missing(60) == MOST_MISSING


def test_a_look_takes_seven_statements_however_many_clients_there_are() -> None:
    for number in range(20):
        due(10, f"q{number % 3}", f"client-{number}")

    with counted_statements() as sent:
        gauges.ledger_gauges(lease_s=30, window_s=60)

    assert len(sent) == 7


def test_windows_are_told_by_status_and_those_past_their_time_are_counted() -> None:
    current = window_at(database_now(), 60).start
    for back, status in (
        (1, "ENQUEUED"),
        (2, "ENQUEUED"),
        (3, "ENQUEUE_FAILED"),
        (30, "DISPATCHING"),
        (40, "ENQUEUED"),
    ):
        window_row(current - timedelta(minutes=back))
        query(
            "UPDATE background_dispatch_window SET status = %s, error_message = 'away' WHERE window_start = %s",
            (status, current - timedelta(minutes=back)),
        )

    recent, without_outcome = gauges.windows_recent(60)

    assert recent == {"ENQUEUED": 2, "ENQUEUE_FAILED": 1}
    assert without_outcome == 1


def test_finished_jobs_are_counted_over_ten_minutes() -> None:
    holder = registered()
    finish(holder.id, [death(claimed(holder)), death(claimed(holder))], dedupe_s=DEDUPE_S)
    query(
        "UPDATE background_job SET finished_at = now() - interval '11 minutes'"
        " WHERE id = (SELECT id FROM background_job LIMIT 1)"
    )

    assert gauges.finished_recently() == 1
