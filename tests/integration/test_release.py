"""Release: in turn between clients, each job once, and taken back only by whom it was released."""

from __future__ import annotations

from uuid import UUID

import pytest

from models.database import query
from models.ledger.dispatch import dispatch_jobs
from models.ledger.finish import finish
from models.ledger.release import Released, queues_with_due_jobs, release_due, take_back, unclaimed_releases
from tests.broker_cases import counted_statements
from tests.ledger_cases import (
    DEDUPE_S,
    claimed,
    dispatched,
    in_threads,
    job_row,
    other_session,
    registered,
    retry,
    state_of,
    wanted,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


def waiting(count: int, client_id: str | None = None, queue: str = "default", since_s: float = 3600) -> list[UUID]:
    """So many due jobs of a client, pending, in the order in which they are due."""
    jobs = [wanted(client_id=client_id, queue=queue) for _ in range(count)]
    dispatch_jobs(jobs, dedupe_s=DEDUPE_S, hold_back=True)
    ids = [job.id for job in jobs]
    query(
        "UPDATE background_job SET run_at = now() + make_interval(secs => n * 0.001 - %s)"
        " FROM unnest(%s::uuid[]) WITH ORDINALITY AS due (due_id, n) WHERE id = due_id",
        (since_s, ids),
    )
    return ids


def clients_of(released: list[Released]) -> list[str | None]:
    """Whose jobs were released."""
    return [job_row(one.job_id, "client_id")[0] for one in released]


def test_due_job_is_queued_under_a_new_release_with_its_payload() -> None:
    (job_id,) = waiting(1)
    query("UPDATE background_job SET payload = 'envelope', release = 4")

    released = release_due("default", 10)

    assert released == [Released(job_id, 5, "default", b"envelope")]
    assert job_row(job_id, "state", "release", "released_at IS NOT NULL") == ("queued", 5, True)


def test_release_is_one_statement() -> None:
    waiting(100)

    with counted_statements() as sent:
        released = release_due("default", 64)

    assert (len(sent), len(released)) == (1, 64)


def test_release_stops_once_its_payloads_reach_the_budget() -> None:
    ids = waiting(10)
    query("UPDATE background_job SET payload = convert_to(repeat('x', 100), 'UTF8')")

    released = release_due("default", 10, budget_bytes=250)

    assert {one.job_id for one in released} == set(ids[:3])


def test_payload_larger_than_the_budget_is_released_alone() -> None:
    waiting(3)
    query("UPDATE background_job SET payload = convert_to(repeat('x', 100), 'UTF8')")

    sizes = [len(release_due("default", 10, budget_bytes=50)) for _ in range(4)]

    assert sizes == [1, 1, 1, 0]


def test_budget_of_bytes_is_shared_in_turn_between_clients() -> None:
    waiting(10, "great")
    waiting(2, "small", since_s=60)
    query("UPDATE background_job SET payload = convert_to(repeat('x', 100), 'UTF8')")

    released = clients_of(release_due("default", 10, budget_bytes=400))

    assert (released.count("great"), released.count("small")) == (2, 2)


def test_job_whose_time_has_not_come_is_left_alone() -> None:
    dispatched(delay_s=60.0)

    assert release_due("default", 10) == []
    assert queues_with_due_jobs(["default"]) == []


def test_queues_are_released_apart() -> None:
    waiting(1, queue="mail")
    (mine,) = waiting(1)

    due = queues_with_due_jobs(["default", "mail", "idle"])
    released = release_due("default", 10)

    assert sorted(due) == ["default", "mail"]
    assert [one.job_id for one in released] == [mine]


def test_oldest_jobs_of_a_client_come_first() -> None:
    ids = waiting(20)

    released = release_due("default", 5)

    assert {one.job_id for one in released} == set(ids[:5])


def test_client_with_many_jobs_does_not_keep_the_others_waiting() -> None:
    waiting(10_000, "great")
    waiting(3, "small")
    waiting(2, None)

    released = clients_of(release_due("default", 12))

    assert (released.count("great"), released.count("small"), released.count(None)) == (7, 3, 2)


def test_client_with_older_jobs_does_not_take_every_place_where_there_is_little_room() -> None:
    waiting(500, "great")
    waiting(3, "small", since_s=60)

    served = [clients_of(release_due("default", 1))[0] for _ in range(60)]

    assert "small" in served


def test_many_clients_share_room_for_fewer() -> None:
    for number in range(8):
        waiting(50, f"old-{number}")
    waiting(5, "new", since_s=60)

    served = [client for _ in range(40) for client in clients_of(release_due("default", 4))]

    assert "new" in served
    assert all(served.count(f"old-{number}") > 5 for number in range(8))


def test_client_at_its_cap_gets_no_more_and_the_others_their_turn() -> None:
    holder = registered()
    claimed(holder, dispatched(client_id="busy"))
    dispatched(client_id="busy")
    waiting(10, "busy")
    waiting(10, "free")
    waiting(10, None)

    released = clients_of(release_due("default", 30, client_max=3))

    assert (released.count("busy"), released.count("free"), released.count(None)) == (1, 3, 10)


def test_several_relays_at_once_release_each_job_once() -> None:
    ids = waiting(300)

    released = [one for batch in in_threads([lambda: release_due("default", 100) for _ in range(6)]) for one in batch]

    names = [one.job_id for one in released]
    assert len(names) == len(set(names))
    assert {job_row(job_id, "release")[0] for job_id in names} == {1}
    assert set(names) <= set(ids)


def test_job_that_another_relay_has_locked_is_passed_over_without_waiting(ledger_database: str) -> None:
    first, second = waiting(2)

    with other_session(ledger_database) as cursor:
        cursor.execute("SELECT id FROM background_job WHERE id = %s FOR UPDATE", (str(first),))
        released = release_due("default", 10)

    assert [one.job_id for one in released] == [second]


def test_release_is_taken_back_under_its_own_number_only() -> None:
    job = dispatched()

    wrong = take_back([(job.id, 2)])
    right = take_back([(job.id, 1)])
    again = take_back([(job.id, 1)])

    assert (wrong, right, again) == (frozenset(), frozenset({job.id}), frozenset())
    assert job_row(job.id, "state", "release") == ("pending", 1)


def test_release_that_was_claimed_meanwhile_is_not_taken_back() -> None:
    holder, job = registered(), dispatched()
    claimed(holder, job)

    assert take_back([(job.id, 1)]) == frozenset()
    assert state_of(job.id) == "running"


def test_release_taken_back_is_released_under_the_next_number() -> None:
    job = dispatched()
    take_back([(job.id, 1)])

    (released,) = release_due("default", 10)

    assert (released.job_id, released.release) == (job.id, 2)


def test_retry_waits_in_postgres_until_it_is_due() -> None:
    holder, job = registered(), dispatched()
    finish(holder.id, [retry(claimed(holder, job), wait_s=3600.0)], dedupe_s=DEDUPE_S)

    before = release_due("default", 10)
    query("UPDATE background_job SET run_at = now() - interval '1 second'")
    (after,) = release_due("default", 10)

    assert before == []
    assert (after.job_id, after.release) == (job.id, 2)


def test_unclaimed_releases_come_in_pages_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.ledger.release._PAGE", 3)
    jobs = [dispatched() for _ in range(8)]
    for number, job in enumerate(jobs):
        query(
            "UPDATE background_job SET released_at = now() - make_interval(secs => %s) WHERE id = %s",
            (1000 - number, job.id),
        )
    dispatched()

    pages = list(unclaimed_releases(15.0, 996.5))

    assert [len(page) for page in pages] == [3, 3, 2]
    assert [one.job_id for page in pages for one in page] == [job.id for job in jobs]
    assert [one.long for page in pages for one in page] == [True] * 4 + [False] * 4
