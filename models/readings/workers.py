"""Reads workers, and whether they live: that is told by their last beat, not by what somebody declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.database import query
from models.readings.paging import Condition, Page, Span, columns, fetch, newest, page
from models.tables import Worker
from policy.states import Word


class Life(Word):
    """How a worker stands; SILENT: its lease is over and nobody has declared it lost yet."""

    ALIVE = "alive"
    SILENT = "silent"
    LOST = "lost"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker process."""

    id: UUID
    host: str
    pid: int
    code_version: str
    queues: list[str]
    threads: int
    started_at: datetime
    heartbeat_at: datetime
    lost_at: datetime | None
    stopped_at: datetime | None

    def life(self, now: datetime, lease_s: float) -> Life:
        """How it stands at `now`, by the database's clock."""
        if self.stopped_at is not None:
            return Life.STOPPED
        if self.lost_at is not None:
            return Life.LOST
        return Life.ALIVE if (now - self.heartbeat_at).total_seconds() <= lease_s else Life.SILENT


def list_workers(span: Span, *, ended: bool = True) -> Page[WorkerRow]:
    """A page of workers, the last started first; without `ended` only those neither stopped nor lost."""
    conditions: list[Condition] = []
    if not ended:
        conditions = [Worker.stopped_at.is_null(), Worker.lost_at.is_null()]
    select = Worker.select(*columns(Worker, WorkerRow))
    rows = newest(select.where(*conditions) if conditions else select, Worker.started_at, Worker.id, span)
    return page([WorkerRow(*row) for row in rows], span, "started_at", "id")


def find_workers(ids: Sequence[UUID]) -> dict[UUID, WorkerRow]:
    """Those of these workers that are there."""
    if not ids:
        return {}
    rows = fetch(Worker.select(*columns(Worker, WorkerRow)).where(Worker.id.in_(list(ids))))
    return {row[0]: WorkerRow(*row) for row in rows}


def running_jobs(ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many jobs each of these workers holds."""
    rows = query(
        "SELECT worker_id, count(*) FROM background_job WHERE state = 'running' AND worker_id = ANY (%s::uuid[])"
        " GROUP BY worker_id",
        (list(ids),),
    )
    return {row[0]: row[1] for row in rows}


def queue_is_served(queue: str, lease_s: float) -> bool:
    """Whether a living worker consumes this queue."""
    rows = query(
        "SELECT EXISTS (SELECT FROM worker WHERE lost_at IS NULL AND stopped_at IS NULL"
        " AND heartbeat_at >= clock_timestamp() - make_interval(secs => %s) AND %s = ANY (queues))",
        (lease_s, queue),
    )
    return bool(rows[0][0])


def queues_served() -> list[str]:
    """The queues that living workers consume."""
    rows = query(
        "SELECT DISTINCT unnest(queues) AS queue FROM worker"
        " WHERE lost_at IS NULL AND stopped_at IS NULL ORDER BY queue"
    )
    return [row[0] for row in rows]
