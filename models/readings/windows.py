"""Reads dispatch windows: lists, the one of a key, and the one a job came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.readings.jobs import JobRow
from models.readings.paging import Condition, Page, Select, Span, columns, fetch, newest, page
from models.tables import BackgroundDispatchWindow as Window
from policy.states import WindowStatus

#: A window is dispatched while it is open or, by a scheduler that was away, at most a day later.
_EARLIEST_BEFORE_JOB = timedelta(days=1)
_LATEST_AFTER_JOB = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A dispatch window as it stands."""

    dispatch_key: str
    source: str
    requested_at: datetime
    window_start: datetime
    window_seconds: int
    correlation_id: str
    status: str
    process_dispatch_id: str
    maintenance_dispatch_id: str
    error_message: str | None
    missed_before: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WindowFilter:
    """Which windows; what is None is not asked."""

    statuses: Sequence[WindowStatus] = ()
    source: str | None = None
    dispatch_key: str | None = None
    correlation_id: str | None = None


def list_windows(wanted: WindowFilter, span: Span) -> Page[WindowRow]:
    """A page of windows, the latest first."""
    asked = [
        (Window.source, wanted.source),
        (Window.dispatch_key, wanted.dispatch_key),
        (Window.correlation_id, wanted.correlation_id),
    ]
    conditions: list[Condition] = [column == value for column, value in asked if value is not None]
    if wanted.statuses:
        conditions.append(Window.status.in_([status.value for status in wanted.statuses]))
    rows = newest(_windows(*conditions), Window.window_start, Window.dispatch_key, span)
    return page([WindowRow(*row) for row in rows], span, "window_start", "dispatch_key")


def window_of_key(dispatch_key: str) -> WindowRow | None:
    """The window of this dispatch key."""
    return _first(_windows(Window.dispatch_key == dispatch_key))


def window_behind(job: JobRow) -> WindowRow | None:
    """The window whose dispatch made this job, or began its family; looked for around the job's creation only."""
    by_key = (Window.process_dispatch_id == job.dispatch_key) | (Window.maintenance_dispatch_id == job.dispatch_key)
    return _first(
        _windows(
            Window.window_start >= job.created_at - _EARLIEST_BEFORE_JOB,
            Window.window_start <= job.created_at + _LATEST_AFTER_JOB,
            by_key | (Window.correlation_id == job.correlation_id),
        )
    )


def _windows(*conditions: Condition) -> Select:
    select: Select = Window.select(*columns(Window, WindowRow))
    return select.where(*conditions) if conditions else select


def _first(select: Select) -> WindowRow | None:
    rows = fetch(select.limit(1))
    return WindowRow(*rows[0]) if rows else None
