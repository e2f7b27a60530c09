"""The drift between the ledger's dead letters and Dramatiq's dead queues: seen, and repaired where that is safe.

The letter of record is the row: an entry is removed once its row has moved, never before. It must not know who asks.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import redis

from middleware.adoption import job_of
from models.dead_queue import DeadQueue, Entry, Mark, queues_with_dead
from models.ledger.adoption import link_entry
from models.readings.dead_entries import jobs_of_entries, letters_of_entries, open_entries
from policy.dead_entries import Standing, standing

#: Entries looked at in one go.
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry that is not in step, with how it stands, and the letter to link it to, if it is that."""

    queue: str
    entry: Entry
    standing: Standing
    letter_id: UUID | None = None


@dataclass(slots=True)
class Drift:
    """Entries by standing, over all queues; `repaired` of them, and `complete`: all were looked at."""

    found: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    complete: bool = True

    @property
    def drifted(self) -> int:
        """How many could be repaired."""
        return sum(self.found[one.value] for one in (Standing.RESOLVED, Standing.SURPLUS, Standing.UNLINKED))


def sync(client: redis.Redis, *, repair: bool = True, seconds_max: float | None = None) -> Drift:
    """Look at every entry of every dead queue, in constant memory. Raises redis.RedisError, psycopg2.Error.

    Stopped at any point it has done only what stays right.
    """
    drift = Drift()
    deadline_s = None if seconds_max is None else time.monotonic() + seconds_max
    for name in queues_with_dead(client):
        queue = DeadQueue(client, name)
        for marks in _pages(queue):
            if deadline_s is not None and time.monotonic() > deadline_s:
                drift.complete = False
                return drift
            out_of_step = placed(queue, name, marks)
            drift.found.update(one.standing.value for one in out_of_step)
            drift.found[Standing.IN_STEP.value] += len(marks) - len(out_of_step)
            if repair:
                drift.repaired += _repair(queue, out_of_step)
    return drift


def placed(queue: DeadQueue, name: str, marks: Sequence[Mark]) -> list[Placed]:
    """Those of these entries that are not in step with the ledger; bytes are read only where no letter names one."""
    by_entry = letters_of_entries(name, [mark.redis_id for mark in marks])
    found = []
    for mark in marks:
        stands = standing(by_entry[mark.redis_id], None) if mark.redis_id in by_entry else None
        if stands is Standing.RESOLVED:
            found.append(Placed(name, Entry(mark.redis_id, mark.died_at_ms, None), stands))
    unnamed = queue.entries([mark for mark in marks if mark.redis_id not in by_entry])
    return found + _by_job(name, unnamed)


def letters_without_entry(client: redis.Redis) -> int:
    """Open letters whose entry is not in Redis: expired there, or lost with it. The letter of record stays."""
    count, after = 0, None
    while page := open_entries(after):
        after = page[-1][0]
        for name in {queue for _, queue, _ in page}:
            count += DeadQueue(client, name).absent([redis_id for _, queue, redis_id in page if queue == name])
    return count


def _by_job(name: str, entries: Sequence[Entry]) -> list[Placed]:
    jobs = {entry.redis_id: job_of(entry.data) for entry in entries}
    known = jobs_of_entries([job for job in jobs.values() if job is not None])
    found = []
    for entry in entries:
        job_id = jobs[entry.redis_id]
        job = known.get(job_id) if job_id else None
        if job is None:
            found.append(Placed(name, entry, Standing.STRAY))
            continue
        has_letter, linked = job.open_letter is not None, job.letters_entry is not None
        stands = standing(set(), job.state, open_letter=has_letter, linked=linked)
        if stands is not Standing.IN_STEP:
            found.append(Placed(name, entry, stands, job.open_letter))
    return found


def _repair(queue: DeadQueue, out_of_step: Sequence[Placed]) -> int:
    gone = [one.entry.redis_id for one in out_of_step if one.standing in (Standing.RESOLVED, Standing.SURPLUS)]
    linked = sum(
        link_entry(one.letter_id, one.entry.redis_id)
        for one in out_of_step
        if one.standing is Standing.UNLINKED and one.letter_id
    )
    return queue.remove_many(gone) + linked


def _pages(queue: DeadQueue) -> Iterator[list[Mark]]:
    after: Mark | None = None
    while marks := queue.marks(after, _PAGE):
        after = marks[-1]
        yield marks
