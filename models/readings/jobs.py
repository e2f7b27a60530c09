"""Reads jobs: lists, and those of a key, a family, a parent or a lead message. It never reads a payload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from peewee import SQL

from models.readings.paging import Condition, Page, Select, Span, columns, fetch, newest, page
from models.tables import BackgroundJob as Job
from policy.states import JobState

#: Jobs of one family, key or parent that are looked at, at most.
MOST_RELATED = 500

_OF_KEY = """(SELECT id FROM background_job WHERE holds_key AND dispatch_key = %s
  UNION ALL SELECT id FROM background_job WHERE NOT holds_key AND dispatch_key <> id::text AND dispatch_key = %s
  UNION ALL SELECT id FROM background_job WHERE id = %s AND dispatch_key = %s)"""
_OF_FAMILY = """(SELECT id FROM background_job WHERE correlation_id <> id::text AND correlation_id = %s
  UNION ALL SELECT id FROM background_job WHERE id = %s AND correlation_id = %s)"""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as people see it: every column but the payload and what only a worker needs."""

    id: UUID
    actor: str
    queue: str
    state: str
    client_id: str | None
    dispatch_key: str
    holds_key: bool
    key_expires_at: datetime
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    source: str | None
    lead_id: str | None
    lead_message_id: str | None
    requested_at: datetime
    created_at: datetime
    run_at: datetime
    release: int
    released_at: datetime | None
    fence: int
    worker_id: UUID | None
    attempts: int
    attempts_spent: int
    attempts_allowed: int | None
    crashes: int
    throttles: int
    requeues: int
    duplicates_suppressed: int
    last_error: str | None
    result: Any
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs; what is None is not asked."""

    client_id: str | None = None
    actor: str | None = None
    queue: str | None = None
    states: Sequence[JobState] = ()
    dispatch_key: str | None = None
    correlation_id: str | None = None


def list_jobs(wanted: JobFilter, span: Span) -> Page[JobRow]:
    """A page of jobs, the last created first."""
    conditions = _conditions(wanted)
    rows = newest(_jobs(*conditions), Job.created_at, Job.id, span)
    return page([JobRow(*row) for row in rows], span, "created_at", "id")


def find_jobs(ids: Sequence[UUID]) -> list[JobRow]:
    """Those of these jobs that are there, the first created first."""
    return _oldest_first(_jobs(Job.id.in_(list(ids)))) if ids else []


def jobs_of_key(dispatch_key: str) -> list[JobRow]:
    """Every job that was dispatched under this key, holder or not; the first created first."""
    return _oldest_first(_jobs(_has_key(dispatch_key)))


def holder_of_key(dispatch_key: str) -> JobRow | None:
    """The job for whose sake a dispatch under this key is a duplicate; a dedupe period that is over holds nobody up."""
    over = (Job.state == JobState.SUCCEEDED.value) & (Job.key_expires_at <= SQL("clock_timestamp()"))
    rows = fetch(_jobs(Job.holds_key, Job.dispatch_key == dispatch_key, ~over))
    return JobRow(*rows[0]) if rows else None


def family(correlation_id: str) -> list[JobRow]:
    """The jobs that share a correlation id, the first created first; at most MOST_RELATED."""
    return _oldest_first(_jobs(_in_family(correlation_id)))


def children(parent: JobRow) -> list[JobRow]:
    """What this job dispatched into its own family, the first created first; at most MOST_RELATED."""
    mine = Job.causation_id == str(parent.id)
    return _oldest_first(_jobs(_in_family(parent.correlation_id), mine, Job.id != parent.id))


def jobs_of_lead_message(lead_message_id: str) -> list[JobRow]:
    """The jobs whose arguments name this lead message, the first created first."""
    return _oldest_first(_jobs(Job.lead_message_id == lead_message_id))


def _jobs(*conditions: Condition) -> Select:
    select: Select = Job.select(*columns(Job, JobRow))
    return select.where(*conditions) if conditions else select


def _oldest_first(select: Select) -> list[JobRow]:
    return [JobRow(*row) for row in fetch(select.order_by(Job.created_at, Job.id).limit(MOST_RELATED))]


def _conditions(wanted: JobFilter) -> list[Condition]:
    asked = [
        (Job.client_id, wanted.client_id),
        (Job.actor, wanted.actor),
        (Job.queue, wanted.queue),
    ]
    conditions: list[Condition] = [column == value for column, value in asked if value is not None]
    if wanted.states:
        conditions.append(Job.state.in_([state.value for state in wanted.states]))
    if wanted.dispatch_key is not None:
        conditions.append(_has_key(wanted.dispatch_key))
    if wanted.correlation_id is not None:
        conditions.append(_in_family(wanted.correlation_id))
    return conditions


def _has_key(dispatch_key: str) -> Condition:
    """Three ways, each with its index: who holds it, who once held it, and the job whose key is its own id."""
    return Job.id.in_(SQL(_OF_KEY, (dispatch_key, dispatch_key, _as_uuid(dispatch_key), dispatch_key)))


def _in_family(correlation_id: str) -> Condition:
    """Two ways: the index leaves out the job that began its family under its own id."""
    return Job.id.in_(SQL(_OF_FAMILY, (correlation_id, _as_uuid(correlation_id), correlation_id)))


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
