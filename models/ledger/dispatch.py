"""Dispatch: insert jobs whose keys are free, and say who holds the others. It must not know Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import psycopg2

from models.database import atomic, in_transaction, run
from models.faults import connection_broke
from policy.errors import DispatchContended

#: SQLSTATEs of a statement that met somebody else's open transaction: lock timeout, deadlock, serialisation.
CONTENDED = frozenset({"55P03", "40P01", "40001"})
#: A key can change hands between the insert and the look at its holder; more rounds than this are contention.
_ROUNDS = 5

#: Dedupe period in s, whether to hold back, and the clients' cap.
_Terms = tuple[int, bool, "int | None"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One intention to have an actor run. `run_at` wins over `delay_s`; neither means now."""

    id: UUID
    dispatch_key: str
    actor: str
    queue: str
    payload: bytes
    correlation_id: str
    attempts_allowed: int | None
    client_id: str | None = None
    lead_id: str | None = None
    lead_message_id: str | None = None
    run_at: datetime | None = None
    delay_s: float | None = None
    causation_id: str | None = None
    source: str | None = None
    traceparent: str | None = None
    #: The message that `payload` encodes, where the caller still has it: its first copy need not be decoded from there.
    envelope: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Inserted:
    """The job is in the ledger. `released`: it was born queued under release 1, a copy is owed to Redis now."""

    job_id: UUID
    released: bool


@dataclass(frozen=True, slots=True)
class Blocked:
    """Another job holds the key, in that state, since so many seconds."""

    job_id: UUID
    state: str
    age_s: float


def dispatch_jobs(
    wanted: Sequence[Wanted], *, dedupe_s: int, hold_back: bool = False, client_max: int | None = None
) -> list[Inserted | Blocked]:
    """Insert the jobs whose keys are free; one answer each, in order. Repeating a job id is harmless.

    In a caller's transaction it commits or rolls back with it. `hold_back` leaves due jobs pending for the relay, and
    so does `client_max` those of a client that has so many released and running: as far as that has committed when the
    statement begins, so that dispatches which overlap may pass it (docs/decisions/0070).
    Outside a transaction it is repeated once where its connection broke: an idle one that the server had closed, or a
    reply that was lost. What is there already then is ours.
    Raises DispatchContended when somebody's open transaction holds a key for longer than the lock timeout, and for
    deadlock and serialisation failures: the caller may repeat it, its own transaction is still usable.
    """
    terms = (dedupe_s, hold_back, client_max)
    try:
        if in_transaction():
            with atomic():
                return _dispatch(wanted, terms)
        try:
            return _dispatch(wanted, terms)
        except psycopg2.Error as error:
            if not connection_broke(error):
                raise
            return _dispatch(wanted, terms)
    except psycopg2.Error as error:
        if error.pgcode in CONTENDED:
            raise DispatchContended(f"a dispatch key is in use by an open transaction ({error.pgcode})") from error
        raise


def count_duplicates(blocked: Sequence[Blocked]) -> None:
    """Add refused duplicates to the jobs that hold the keys; called after commit, on its own."""
    times = Counter(block.job_id for block in blocked)
    if times:
        run("count_duplicates", (list(times), list(times.values())))


def _dispatch(wanted: Sequence[Wanted], terms: _Terms) -> list[Inserted | Blocked]:
    answers: dict[UUID, Inserted | Blocked] = {}
    open_ones = list(wanted)
    for _ in range(_ROUNDS):
        answers.update(_insert(open_ones, terms))
        open_ones = [job for job in open_ones if job.id not in answers]
        if open_ones:
            found, expired = _look(open_ones)
            answers.update(found)
            open_ones = [job for job in open_ones if job.id not in answers]
            if expired:
                with atomic():
                    run("let_go_keys", (expired,))
                    answers.update(_insert(open_ones, terms))
                open_ones = [job for job in open_ones if job.id not in answers]
        if not open_ones:
            return [answers[job.id] for job in wanted]
    raise DispatchContended(f"dispatch key {open_ones[0].dispatch_key!r} keeps changing hands")


def _look(refused: Sequence[Wanted]) -> tuple[dict[UUID, Inserted | Blocked], list[str]]:
    """What stands in the way of jobs that were not inserted, where it is known; and the keys past their period."""
    rows = run("key_holders", ([job.dispatch_key for job in refused], [job.id for job in refused]))
    holders = {row[0]: row for row in rows}
    there = {row[1] for row in rows}
    found: dict[UUID, Inserted | Blocked] = {}
    for job in refused:
        row = holders.get(job.dispatch_key)
        if job.id in there:
            # A dispatch that is repeated: its copy may never have been made, and making it again is harmless.
            found[job.id] = Inserted(job.id, released=row is not None and row[1] == job.id and row[2] == "queued")
        elif row is not None and not row[4]:
            found[job.id] = Blocked(row[1], row[2], row[3])
    return found, sorted(key for key, row in holders.items() if row[4])


def _insert(wanted: Sequence[Wanted], terms: _Terms) -> dict[UUID, Inserted | Blocked]:
    if len(wanted) == 1:
        (job,) = wanted
        rows = run("dispatch_job", ([*_columns(job), *terms],))
        return {job.id: Inserted(job.id, rows[0][0])} if rows else {}
    rows = run("dispatch_jobs", (*map(list, zip(*map(_columns, wanted), strict=True)), *terms))
    return {job_id: Inserted(job_id, released) for job_id, released in rows}


def _columns(job: Wanted) -> tuple[object, ...]:
    return (
        job.id,
        job.dispatch_key,
        job.actor,
        job.queue,
        job.payload,
        job.client_id,
        job.lead_id,
        job.lead_message_id,
        job.run_at,
        job.delay_s,
        job.attempts_allowed,
        job.correlation_id,
        job.causation_id,
        job.source,
        job.traceparent,
    )
