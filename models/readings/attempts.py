"""Reads attempts. Those of a job are found by their run keys, which are numbered: there is no index on `job_id`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from models.database import query
from models.readings import jobs
from models.readings.jobs import JobRow
from models.readings.paging import Condition, Page, Select, Span, columns, fetch, newest, page
from models.tables import BackgroundFunctionRun as Run
from policy.keys import run_key
from policy.states import RunStatus

#: Attempts of one job that are looked at: the last ones. A job that reschedules itself may have thousands.
MOST_OF_A_JOB = 100
#: A claim's row may be a moment older than the row of its job (a plain send), never by so much.
_CLOCK_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt: its claim, what came of it, and the verdict."""

    id: int
    run_key: str
    job_id: UUID
    run_id: UUID
    function_name: str
    status: str
    attempt: int
    fence: int
    source: str | None
    client_id: str | None
    dispatch_key: str
    correlation_id: str
    requested_at: datetime
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: float | None
    queue_ms: float | None
    error_class: str | None
    error_message: str | None
    traceback: str | None
    fingerprint: str | None
    verdict: str | None
    rule: str | None
    worker_id: UUID
    host: str
    pid: int
    code_version: str
    late_status: str | None
    late_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptFilter:
    """Which attempts; what is None is not asked."""

    client_id: str | None = None
    actor: str | None = None
    statuses: Sequence[RunStatus] = ()
    dispatch_key: str | None = None
    correlation_id: str | None = None
    job_id: UUID | None = None


def list_attempts(wanted: AttemptFilter, span: Span) -> Page[AttemptRow]:
    """A page of attempts, the last claimed first.

    By key, family or job: the jobs' run keys, the last MOST_OF_A_JOB of each of at most `jobs.MOST_RELATED` jobs.
    """
    conditions = _conditions(wanted)
    of_jobs = _jobs_named(wanted)
    if of_jobs is not None:
        keys = [key for job in of_jobs for key in _run_keys(job)]
        if not keys:
            return Page([], None)
        conditions.append(Run.run_key.in_(keys))
    rows = newest(_runs(*conditions), Run.claimed_at, Run.id, span)
    return page([AttemptRow(*row) for row in rows], span, "claimed_at", "id")


def attempts_of(of_jobs: Iterable[JobRow]) -> list[AttemptRow]:
    """The attempts of these jobs, the first claimed first; of each job the last MOST_OF_A_JOB."""
    found = list(of_jobs)
    keys = [key for job in found for key in _run_keys(job)]
    if not keys:
        return []
    earliest = min(job.created_at for job in found) - _CLOCK_SLACK
    select = _runs(Run.run_key.in_(keys), Run.claimed_at >= earliest)
    return [AttemptRow(*row) for row in fetch(select.order_by(Run.claimed_at, Run.id))]


def attempt_by_key(key: str) -> AttemptRow | None:
    """The attempt of this run key."""
    rows = fetch(_runs(Run.run_key == key).limit(1))
    return AttemptRow(*rows[0]) if rows else None


def _runs(*conditions: Condition) -> Select:
    select: Select = Run.select(*columns(Run, AttemptRow))
    return select.where(*conditions) if conditions else select


def _run_keys(job: JobRow) -> list[str]:
    first = max(1, job.attempts - MOST_OF_A_JOB + 1)
    return [run_key(job.actor, job.id, number) for number in range(first, job.attempts + 1)]


def _jobs_named(wanted: AttemptFilter) -> list[JobRow] | None:
    """The jobs whose attempts are asked for; None when no job is named."""
    if wanted.job_id is not None:
        return jobs.find_jobs([wanted.job_id])
    if wanted.dispatch_key is not None:
        return jobs.jobs_of_key(wanted.dispatch_key)
    if wanted.correlation_id is not None:
        return jobs.family(wanted.correlation_id)
    return None


def _conditions(wanted: AttemptFilter) -> list[Condition]:
    asked = [
        (Run.client_id, wanted.client_id),
        (Run.function_name, wanted.actor),
        (Run.dispatch_key, wanted.dispatch_key),
        (Run.correlation_id, wanted.correlation_id),
    ]
    conditions: list[Condition] = [column == value for column, value in asked if value is not None]
    if wanted.statuses:
        conditions.append(Run.status.in_([status.value for status in wanted.statuses]))
    return conditions


def rescheduled_since(function: str, job_id: UUID, before: int, claimed_at: datetime, *, rule: str) -> datetime | None:
    """Claim time of the first attempt of those that, one after another up to `before`, that rule rescheduled.

    Attempts that went back unstarted or were lost in between are passed over, and what is older than an hour. None:
    the last one was another rule's.
    """
    keys = [run_key(function, job_id, number) for number in range(max(1, before - MOST_OF_A_JOB), before)]
    rows = query(
        "SELECT status, rule, claimed_at FROM background_function_run"
        " WHERE run_key = ANY (%s) AND claimed_at > %s ORDER BY attempt DESC",
        (keys, claimed_at - _CLOCK_SLACK),
    )
    since = None
    for status, of_rule, at in rows:
        if status in (RunStatus.CANCELLED.value, RunStatus.LOST.value):
            continue
        if (status, of_rule) != (RunStatus.RESCHEDULED.value, rule):
            break
        since = at
    return since
