"""A client that has its cap of released and running jobs gets no more, however many it has waiting; others go on."""

from __future__ import annotations

import threading

import pytest

from models.database import atomic, query, run
from models.ledger.dispatch import dispatch_jobs
from models.ledger.release import release_due
from tests.ledger_cases import answers_to, claimed, dispatched, in_threads, plain_send, registered, wanted

pytestmark = pytest.mark.usefixtures("ledger_database")


def states(client_id: str | None) -> dict[str, int]:
    rows = query(
        "SELECT state, count(*) FROM background_job WHERE client_id IS NOT DISTINCT FROM %s GROUP BY state",
        (client_id,),
    )
    return dict(rows)


def waiting(client_id: str | None, count: int) -> None:
    dispatch_jobs([wanted(client_id=client_id) for _ in range(count)], dedupe_s=60, hold_back=True)


def test_releases_of_a_client_stop_at_its_cap_and_the_others_go_on() -> None:
    waiting("large", 10)
    waiting("small", 2)

    release_due("default", 100, client_max=3)

    assert states("large") == {"queued": 3, "pending": 7}
    assert states("small") == {"queued": 2}


def test_running_jobs_count_against_the_cap() -> None:
    worker = registered()
    claimed(worker, dispatched(client_id="large"))
    waiting("large", 5)

    release_due("default", 100, client_max=2)

    assert states("large") == {"running": 1, "queued": 1, "pending": 4}


def test_jobs_in_another_queue_count_against_the_cap() -> None:
    dispatch_jobs([wanted(client_id="large", queue="other") for _ in range(2)], dedupe_s=60)
    waiting("large", 5)

    release_due("default", 100, client_max=2)

    assert states("large") == {"queued": 2, "pending": 5}


def test_jobs_of_nobody_have_no_cap() -> None:
    waiting(None, 5)

    release_due("default", 100, client_max=1)

    assert states(None) == {"queued": 5}


def test_dispatch_in_bulk_releases_no_more_than_the_cap() -> None:
    answers = dispatch_jobs([wanted(client_id="large") for _ in range(5)], dedupe_s=60, client_max=2)

    assert [getattr(answer, "released", None) for answer in answers].count(True) == 2
    assert states("large") == {"queued": 2, "pending": 3}


def test_dispatch_counts_what_was_dispatched_before() -> None:
    for _ in range(3):
        dispatch_jobs([wanted(client_id="large"), wanted(client_id=None)], dedupe_s=60, client_max=2)

    assert states("large") == {"queued": 2, "pending": 1}
    assert states(None) == {"queued": 3}


def test_cap_is_looked_up_in_the_index_of_jobs_in_flight() -> None:
    query(
        "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, client_id, state, run_at,"
        " correlation_id, requested_at, finished_at) SELECT gen_random_uuid(), 'old' || n, now(), 'actor', 'default',"
        " '', 'large', 'succeeded', now(), '', now(), now() FROM generate_series(1, 5000) AS n"
    )
    waiting("large", 50)
    query("ANALYZE background_job")
    run("release_due", ("default", 1, 5, None))

    plan = "\n".join(row[0] for row in query("EXPLAIN EXECUTE release_due (%s, %s, %s, %s)", ("default", 100, 5, None)))

    assert "background_job_in_flight" in plan
    assert "Seq Scan on background_job" not in plan


def test_concurrent_releases_stay_under_the_cap() -> None:
    waiting("large", 200)

    in_threads([lambda: release_due("default", 50, client_max=10)] * 8)

    assert states("large")["queued"] == 10


def test_dispatches_that_overlap_may_pass_the_cap_and_nothing_more_is_released_before_there_is_room() -> None:
    both_have_counted = threading.Barrier(2)

    def dispatch_in_a_transaction() -> None:
        with atomic():
            dispatch_jobs([wanted(client_id="large") for _ in range(3)], dedupe_s=60, client_max=2)
            both_have_counted.wait(10)

    in_threads([dispatch_in_a_transaction] * 2)
    over = states("large")
    release_due("default", 100, client_max=2)
    still = states("large")
    query("UPDATE background_job SET state = 'succeeded', finished_at = now() WHERE state = 'queued'")
    release_due("default", 100, client_max=2)

    assert over == still == {"queued": 4, "pending": 2}
    assert states("large") == {"succeeded": 4, "queued": 2}


def test_plain_sends_count_against_the_cap_and_have_none() -> None:
    answers_to(registered(), *[plain_send(client_id="large") for _ in range(3)])
    waiting("large", 2)

    release_due("default", 100, client_max=2)

    assert states("large") == {"running": 3, "pending": 2}
