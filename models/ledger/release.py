"""Release: due jobs become queued, in turn between clients; lost releases come back. It must not know Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from uuid import UUID

from models.crash_points import crash_point
from models.database import run

#: Rows read at a time by the sweep.
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Released:
    """A job whose copy is owed to Redis under this release."""

    job_id: UUID
    release: int
    queue: str
    payload: bytes
    #: As in `Wanted`.
    envelope: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A release that nobody has claimed. `long`: for longer than a present copy may be waited for."""

    job_id: UUID
    release: int
    queue: str
    released_at: datetime
    long: bool


def queues_with_due_jobs(queues: Sequence[str]) -> list[str]:
    """Those of `queues` that have a pending job due now."""
    return [row[0] for row in run("queues_due", (list(queues),))]


def release_due(
    queue: str, room: int, *, client_max: int | None = None, budget_bytes: int | None = None
) -> list[Released]:
    """Release at most `room` due jobs of `queue`, in turn between its clients.

    No more once their payloads reach `budget_bytes` (None: any number), but one in any case. No client gets more than
    `client_max` released and running jobs by what has committed before (None: no cap); jobs of nobody have none.
    """
    crash_point("relay.before_release")
    rows = run("release_due", (queue, room, client_max, budget_bytes))
    crash_point("relay.after_release")
    return [Released(row[0], row[1], row[2], bytes(row[3])) for row in rows]


def take_back(releases: Sequence[tuple[UUID, int]]) -> frozenset[UUID]:
    """Make jobs pending again whose copy is known to be absent under that release; gives those that moved."""
    if not releases:
        return frozenset()
    rows = run("take_back_releases", ([job for job, _ in releases], [release for _, release in releases]))
    return frozenset(row[0] for row in rows)


def unclaimed_releases(older_than_s: float, long_s: float) -> Iterator[list[Unclaimed]]:
    """Pages of releases older than `older_than_s` that nobody has claimed, oldest first."""
    behind = datetime(1970, 1, 1, tzinfo=timezone.utc)
    while True:
        rows = run("releases_unclaimed", (older_than_s, behind, _PAGE, long_s))
        if rows:
            yield [Unclaimed(*row) for row in rows]
        if len(rows) < _PAGE:
            return
        behind = rows[-1][3]
