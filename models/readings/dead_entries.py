"""Reads what the ledger knows of entries in Dramatiq's dead queues. It must not know Redis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from models.arrays import uuid_array
from models.database import query, run
from policy.states import JobState, Resolution

#: Letters read at a time.
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class JobOfEntry:
    """The job behind an entry; its open letter and the entry that this one names, if any."""

    state: JobState
    open_letter: UUID | None
    letters_entry: str | None


def letters_of_entries(queue: str, redis_ids: Sequence[str]) -> dict[str, set[Resolution]]:
    """The resolutions of the letters that name these entries; entries that no letter names are left out."""
    found: dict[str, set[Resolution]] = defaultdict(set)
    for redis_id, resolution in run("letters_of_entries", (queue, list(redis_ids))):
        found[redis_id].add(Resolution(resolution))
    return found


def jobs_of_entries(job_ids: Sequence[UUID]) -> dict[UUID, JobOfEntry]:
    """Those of these jobs that the ledger has."""
    rows = run("jobs_of_entries", (uuid_array(job_ids),))
    return {row[0]: JobOfEntry(JobState(row[1]), row[2], row[3]) for row in rows}


def open_entries(after: UUID | None) -> list[tuple[UUID, str, str]]:
    """A page of open letters that name an entry: letter, queue, redis id; by id, so that no page is read twice."""
    rows = query(
        "SELECT id, queue, redis_message_id FROM dead_letter WHERE resolution = 'OPEN'"
        " AND redis_message_id IS NOT NULL AND id > %s ORDER BY id LIMIT %s",
        (after or UUID(int=0), _PAGE),
    )
    return [(row[0], row[1], row[2]) for row in rows]
