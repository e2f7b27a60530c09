"""Lists of jobs and attempts: newest first, page by page without gap or repeat, and filtered."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from models.database import query
from models.ledger.cancel import cancel_job
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish
from models.ledger.letters import Operator
from models.readings import attempts, jobs
from models.readings.attempts import AttemptFilter
from models.readings.jobs import JobFilter
from models.readings.paging import Page, Span
from policy.states import JobState, RunStatus
from tests.ledger_cases import DEDUPE_S, claimed, dispatched, registered, retry, success
from tests.reading_cases import all_pages

pytestmark = pytest.mark.usefixtures("ledger_database")

NOW = datetime.now(timezone.utc)


def created(job: Wanted, at: datetime) -> Wanted:
    """Move a job's creation to `at`."""
    query("UPDATE background_job SET created_at = %s WHERE id = %s", (at, job.id))
    return job


def job_ids(page: Page[jobs.JobRow]) -> list[UUID]:
    return [job.id for job in page.rows]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_of_jobs_hold_each_job_once_newest_first_also_where_times_are_equal(limit: int) -> None:
    ages_s = [0, 1, 1, 1, 1, 40, 3_000_000]
    made = [created(dispatched(), NOW - timedelta(seconds=age)) for age in ages_s]

    pages = all_pages(lambda span: jobs.list_jobs(JobFilter(), span), limit)

    rows = [job for page in pages for job in page]
    assert sorted(job.id for job in rows) == sorted(job.id for job in made)
    assert [(job.created_at, job.id) for job in rows] == sorted(
        ((job.created_at, job.id) for job in rows), reverse=True
    )
    assert all(len(page) == limit for page in pages[:-1])


def test_job_of_long_ago_is_found() -> None:
    old = created(dispatched(), NOW - timedelta(days=4_000))

    page = jobs.list_jobs(JobFilter(), Span())

    assert job_ids(page) == [old.id]


def test_job_whose_clock_is_ahead_is_listed() -> None:
    ahead = created(dispatched(), NOW + timedelta(hours=1))

    page = jobs.list_jobs(JobFilter(), Span())

    assert job_ids(page) == [ahead.id]


def test_since_is_inclusive_and_until_is_not() -> None:
    moments = [NOW - timedelta(minutes=minutes) for minutes in (10, 20, 30)]
    made = [created(dispatched(), moment) for moment in moments]

    page = jobs.list_jobs(JobFilter(), Span(since=moments[1], until=moments[0]))

    assert job_ids(page) == [made[1].id]


def test_jobs_are_filtered_by_client_actor_queue_and_state() -> None:
    mine = dispatched(client_id="acme", actor="send", queue="mail")
    dispatched(client_id="other", actor="send", queue="mail")
    dispatched(client_id="acme", actor="other", queue="mail")
    dispatched(client_id="acme", actor="send", queue="other")
    cancelled = dispatched(client_id="acme", actor="send", queue="mail")
    cancel_job(cancelled.id, Operator("ann"))

    page = jobs.list_jobs(JobFilter("acme", "send", "mail", [JobState.QUEUED, JobState.PENDING]), Span())

    assert job_ids(page) == [mine.id]


def test_dispatch_key_finds_its_holder_those_that_held_it_and_the_job_named_by_its_own_id() -> None:
    former = dispatched("reply:1")
    cancel_job(former.id, Operator("ann"))
    holder = dispatched("reply:1")
    nameless = dispatched()
    dispatched("reply:2")

    by_key = jobs.list_jobs(JobFilter(dispatch_key="reply:1"), Span())
    by_own_id = jobs.jobs_of_key(str(nameless.id))

    assert job_ids(by_key) == [holder.id, former.id]
    assert [job.id for job in by_own_id] == [nameless.id]


def test_family_holds_the_job_that_began_it_and_children_are_told_from_it() -> None:
    first = dispatched()
    child = dispatched(correlation_id=first.correlation_id, causation_id=str(first.id))
    grandchild = dispatched(correlation_id=first.correlation_id, causation_id=str(child.id))
    dispatched(causation_id=str(first.id))

    family = jobs.family(first.correlation_id)

    assert [job.id for job in family] == [first.id, child.id, grandchild.id]
    assert [job.id for job in jobs.children(family[0])] == [child.id]


def test_attempts_of_a_job_are_found_by_their_numbers_and_a_job_without_any_has_none() -> None:
    job, unclaimed = dispatched(actor="a:b"), dispatched()
    holder = registered()
    first = claimed(holder, job)
    finish(holder.id, [retry(first)], dedupe_s=DEDUPE_S)
    query("UPDATE background_job SET state = 'queued', release = 2, released_at = now() WHERE id = %s", (job.id,))
    claimed(holder, job, release=2)

    found = attempts.attempts_of(jobs.find_jobs([job.id, unclaimed.id]))

    assert [(run.job_id, run.attempt, run.status) for run in found] == [
        (job.id, 1, "FAILED"),
        (job.id, 2, "RUNNING"),
    ]
    assert found[0].error_class == "ValueError"


def test_pages_of_attempts_go_by_the_time_of_the_claim_over_all_partitions() -> None:
    holder = registered()
    claims = [claimed(holder) for _ in range(5)]
    ages_d = [0, 40, 0, 400, 1]
    for claim, age_d in zip(claims, ages_d, strict=True):
        query(
            "UPDATE background_function_run SET claimed_at = claimed_at - make_interval(days => %s) WHERE id = %s",
            (age_d, claim.run_id),
        )

    pages = all_pages(lambda span: attempts.list_attempts(AttemptFilter(), span), 2)

    found = [run.job_id for page in pages for run in page]
    assert found == [claims[place].job_id for place in (2, 0, 4, 1, 3)]


def test_attempts_are_filtered_by_client_actor_status_key_family_and_job() -> None:
    holder = registered()
    job = dispatched("k", client_id="acme", actor="send", correlation_id="family")
    claim = claimed(holder, job)
    finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)
    other = claimed(holder)
    asked = [
        AttemptFilter(client_id="acme"),
        AttemptFilter(actor="send"),
        AttemptFilter(statuses=[RunStatus.SUCCEEDED, RunStatus.LOST]),
        AttemptFilter(dispatch_key="k"),
        AttemptFilter(correlation_id="family"),
        AttemptFilter(job_id=job.id),
    ]

    found = [[run.job_id for run in attempts.list_attempts(wanted, Span()).rows] for wanted in asked]

    assert found == [[job.id]] * len(asked)
    assert attempts.list_attempts(AttemptFilter(job_id=uuid4()), Span()).rows == []
    assert other.job_id != job.id
