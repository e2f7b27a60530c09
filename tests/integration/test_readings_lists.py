"""Lists of the ledger: newest first, page by page without gap or repeat, and filtered over indexes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.database import atomic, query
from models.ledger.cancel import cancel_job
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish
from models.ledger.letters import Operator, RawLetter, put_aside, record_action
from models.readings import actions, attempts, jobs, letters, paging, windows, workers
from models.readings.attempts import AttemptFilter
from models.readings.jobs import JobFilter
from models.readings.letters import LetterFilter
from models.readings.paging import Cursor, Page, Span
from policy.states import DeadReason, JobState, Resolution, RunStatus
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, registered, retry, success

pytestmark = pytest.mark.usefixtures("ledger_database")

NOW = datetime.now(timezone.utc)


def created(job: Wanted, at: datetime) -> Wanted:
    """Move a job's creation to `at`."""
    query("UPDATE background_job SET created_at = %s WHERE id = %s", (at, job.id))
    return job


def all_pages(read: Callable[[Span], Page[Any]], limit: int) -> list[list[Any]]:
    """Every page of a list, each read behind the one before."""
    pages: list[list[Any]] = []
    after: Cursor | None = None
    while len(pages) < 50:
        page = read(Span(limit=limit, after=after))
        pages.append(page.rows)
        if page.next is None:
            return pages
        after = Cursor.parse(str(page.next))
    raise AssertionError("the pages do not end")


def job_ids(page: Page[jobs.JobRow]) -> list[UUID]:
    return [job.id for job in page.rows]


def window(start: datetime, status: str = "ENQUEUED", key: str | None = None, source: str = "cron") -> str:
    """A window's row; gives its key."""
    name = key or f"background-jobs:v1:60:{start.isoformat()}"
    query(
        "INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,"
        " correlation_id, status, process_dispatch_id, maintenance_dispatch_id, error_message)"
        " VALUES (%s, %s, %s, %s, 60, %s, %s, %s, %s, %s)",
        (name, source, start, start, f"corr-{name}", status, f"p-{name}", f"m-{name}", "no Redis"),
    )
    return name


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


def test_job_of_long_ago_is_found_behind_all_stretches() -> None:
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


def test_pages_of_dead_letters_show_open_ones_unless_others_are_asked_for() -> None:
    holder = registered()
    claims = [claimed(holder) for _ in range(4)]
    finish(holder.id, [death(claim) for claim in claims], dedupe_s=DEDUPE_S)
    query(
        "UPDATE dead_letter SET resolution = 'DISCARDED', resolved_reason = 'x', resolved_at = now() WHERE job_id = %s",
        (claims[0].job_id,),
    )

    opened = all_pages(lambda span: letters.list_letters(LetterFilter(), span), 2)
    discarded = letters.list_letters(LetterFilter(resolutions=[Resolution.DISCARDED]), Span())
    everything = letters.list_letters(LetterFilter(resolutions=()), Span())

    assert {row.job_id for page in opened for row in page} == {claim.job_id for claim in claims[1:]}
    assert [row.job_id for row in discarded.rows] == [claims[0].job_id]
    assert len(everything.rows) == 4


def test_dead_letters_are_filtered_by_what_they_died_of() -> None:
    holder = registered()
    finish(holder.id, [death(claimed(holder, dispatched(client_id="acme", actor="send")))], dedupe_s=DEDUPE_S)
    put_aside([RawLetter("mail", "r-1", b"\xff", DeadReason.UNDECODABLE, "DecodeError", "not a message")])
    asked = [
        (LetterFilter(client_id="acme"), 1),
        (LetterFilter(actor="send"), 1),
        (LetterFilter(queue="mail"), 1),
        (LetterFilter(reasons=[DeadReason.UNDECODABLE]), 1),
        (LetterFilter(reasons=[DeadReason.UNDECODABLE, DeadReason.TERMINAL]), 2),
        (LetterFilter(error_class="DecodeError"), 1),
        (LetterFilter(fingerprint="0123"), 1),
        (LetterFilter(correlation_id="nobody"), 0),
    ]

    found = [len(letters.list_letters(wanted, Span()).rows) for wanted, _ in asked]

    assert found == [count for _, count in asked]


def test_windows_are_listed_latest_first_and_filtered() -> None:
    minutes = [NOW.replace(second=0, microsecond=0) - timedelta(minutes=back) for back in range(3)]
    keys = [
        window(start, status) for start, status in zip(minutes, ("DISPATCHING", "ENQUEUED", "ENQUEUED"), strict=True)
    ]

    pages = all_pages(lambda span: windows.list_windows(windows.WindowFilter(), span), 1)
    enqueued = windows.list_windows(windows.WindowFilter(source="cron"), Span(since=minutes[1]))

    assert [row.dispatch_key for page in pages for row in page] == keys
    assert [row.dispatch_key for row in enqueued.rows] == keys[:2]


def test_window_behind_a_job_is_found_by_its_key_and_by_its_family() -> None:
    start = NOW.replace(second=0, microsecond=0)
    key = window(start)
    by_key = dispatched(f"p-{key}")
    by_family = dispatched(correlation_id=f"corr-{key}")
    stranger = dispatched()

    found = [windows.window_behind(job) for job in jobs.find_jobs([by_key.id, by_family.id, stranger.id])]

    assert sorted(row.dispatch_key if row else "" for row in found) == ["", key, key]


def test_workers_live_by_their_beat() -> None:
    alive, silent, lost, stopped = registered("a"), registered("b"), registered("c"), registered("d")
    claimed(alive)
    query("UPDATE worker SET heartbeat_at = now() - interval '31 s' WHERE id = %s", (silent.id,))
    query("UPDATE worker SET lost_at = now() WHERE id = %s", (lost.id,))
    query("UPDATE worker SET stopped_at = now() WHERE id = %s", (stopped.id,))

    rows = workers.list_workers(Span()).rows

    now = paging.database_now()
    assert {row.host: row.life(now, 30.0).value for row in rows} == {
        "a": "alive",
        "b": "silent",
        "c": "lost",
        "d": "stopped",
    }
    assert {row.host for row in workers.list_workers(Span(), ended=False).rows} == {"a", "b"}
    assert workers.running_jobs([row.id for row in rows]) == {alive.id: 1}
    assert workers.queue_is_served("default", 30.0)
    assert not workers.queue_is_served("mail", 30.0)


def test_operators_log_is_read_last_first_and_by_target() -> None:
    for number in range(5):
        record_action(Operator("ann" if number % 2 else "bob"), "requeue", f"t{number}", "done")

    pages = all_pages(lambda span: actions.list_actions(actions.ActionFilter(), span), 2)
    by_ann = actions.list_actions(actions.ActionFilter(operator="ann"), Span())

    assert [row.target for page in pages for row in page] == ["t4", "t3", "t2", "t1", "t0"]
    assert [row.target for row in by_ann.rows] == ["t3", "t1"]
    assert [row.target for row in actions.actions_on(["t2", "t0"])] == ["t0", "t2"]


READINGS: list[tuple[str, Callable[[], object]]] = [
    ("jobs of a key", lambda: jobs.jobs_of_key(str(uuid4()))),
    ("a family", lambda: jobs.family(str(uuid4()))),
    ("jobs by id", lambda: jobs.find_jobs([uuid4()])),
    ("jobs of a lead message", lambda: jobs.jobs_of_lead_message("m")),
    ("jobs listed by key", lambda: jobs.list_jobs(JobFilter(dispatch_key="k", actor="a"), Span())),
    ("newest jobs", lambda: jobs.list_jobs(JobFilter(), Span(since=NOW))),
    ("attempts of a job", lambda: attempts.attempts_of([_job()])),
    ("newest attempts", lambda: attempts.list_attempts(AttemptFilter(), Span(since=NOW))),
    ("open letters", lambda: letters.list_letters(LetterFilter(), Span())),
    ("letters of any resolution", lambda: letters.list_letters(LetterFilter(resolutions=()), Span())),
    ("letters of jobs", lambda: letters.letters_of([uuid4()])),
    ("latest windows", lambda: windows.list_windows(windows.WindowFilter(), Span())),
    ("last actions", lambda: actions.list_actions(actions.ActionFilter(), Span())),
    ("actions on targets", lambda: actions.actions_on(["t"])),
]


def _job() -> jobs.JobRow:
    holder = registered()
    return jobs.find_jobs([claimed(holder).job_id])[0]


@pytest.mark.parametrize("read", [read for _, read in READINGS], ids=[name for name, _ in READINGS])
def test_reading_needs_no_scan_of_a_whole_table(read: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Sequence[object]]] = []

    def listening(sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        asked.append((sql, params))
        return query(sql, params)

    monkeypatch.setattr(paging, "query", listening)

    read()

    for sql, params in asked:
        with atomic():
            # On tables of a few rows a scan is cheapest; what is asked here is whether there is another way at all.
            query("SET LOCAL enable_seqscan = off")
            plan = "\n".join(row[0] for row in query(f"EXPLAIN {sql}", params))
        assert "Seq Scan" not in plan.replace("Seq Scan on worker", ""), plan
    assert asked
