"""The verbs on many dead letters at once: each batch is one transaction, with its audit rows, in one order of locks.

The invariants are judged by `policy.requeue` once everything is locked, and stand in the statements again. It must not
know Redis: copies and XQ entries follow after the commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from models.arrays import uuid_array
from models.crash_points import crash_point
from models.database import atomic, query, run
from models.ledger.dispatch import Wanted
from models.ledger.operators import Act, Operator, record_actions
from models.readings.letter_facts import Looked, look
from policy.requeue import discard_refusal, requeue_refusal
from policy.restamp import restamped
from policy.states import JobState, Resolution

#: A batch that lost to another transaction (deadlock, serialisation, a lock waited for in vain) is repeated so often.
_REPEATS = 5
_LOST = (psycopg2.extensions.TransactionRollbackError, psycopg2.errors.LockNotAvailable)

#: Letters by id, each with the version that it must still have; None: whatever it has now.
Asked = Mapping[UUID, "int | None"]
#: Reads an adopted envelope as the job that it asks for. Raises ValueError for bytes that are no message.
ReadJob = Callable[[str, bytes], Wanted]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A letter that moved: its job (None if it was adopted and closed) and where its XQ entry stands."""

    letter_id: UUID
    job_id: UUID | None
    queue: str
    redis_message_id: str | None


@dataclass(slots=True)
class Moves:
    """What became of a batch: letters that moved, names of the refusals of the others, ids of no letter."""

    moved: list[Resolved] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)
    missing: list[UUID] = field(default_factory=list)


def requeue_letters(asked: Asked, operator: Operator, *, dedupe_s: int, read_job: ReadJob | None = None) -> Moves:
    """Move the jobs of open letters back to pending: budgets zeroed, keys taken back, letters REQUEUED.

    Of two letters with one key the first asked moves. `read_job` makes jobs of adopted letters, which are refused
    without it. Raises psycopg2.Error; then nothing has moved.
    """
    moves = _repeated(lambda: _requeue(asked, operator, dedupe_s, read_job))
    crash_point("requeue.after_commit")
    return moves


def discard_letters(asked: Asked, operator: Operator) -> Moves:
    """Close open letters for good: their jobs are discarded. Needs a reason. Raises psycopg2.Error."""
    return _repeated(lambda: _discard(asked, operator))


def _requeue(asked: Asked, operator: Operator, dedupe_s: int, read_job: ReadJob | None) -> Moves:
    batch = _Batch(asked, operator, "requeue")
    _let_expired_keys_go(batch)
    taken: set[str] = set()
    for letter in batch.open_ones():
        refusal = requeue_refusal(letter.facts) or ("key_taken" if letter.dispatch_key in taken else None)
        if refusal is None and letter.dispatch_key:
            taken.add(letter.dispatch_key)
        batch.judge(letter, refusal)
    _take_up(batch, dedupe_s)
    _make_jobs(batch, dedupe_s, read_job)
    moves = batch.settle(Resolution.REQUEUED, JobState.PENDING)
    crash_point("requeue.before_commit")
    return moves


def _discard(asked: Asked, operator: Operator) -> Moves:
    batch = _Batch(asked, operator, "discard")
    for letter in batch.open_ones():
        batch.judge(letter, discard_refusal(letter.facts, operator.reason or ""))
    jobs = [letter.job_id for letter in batch.eligible() if letter.job_id]
    closed = {row[0] for row in run("discard_jobs", (uuid_array(jobs),))} if jobs else set()
    for letter in batch.eligible():
        if letter.job_id and letter.job_id not in closed:
            batch.judge(letter, "not_dead")
    return batch.settle(Resolution.DISCARDED, JobState.DISCARDED)


class _Batch:
    """Letters locked with their jobs, what is said of each, and how that is written down."""

    def __init__(self, asked: Asked, operator: Operator, verb: str) -> None:
        self._operator, self._verb = operator, verb
        ids = uuid_array(asked)
        run("lock_letters_jobs", (ids,))
        run("lock_letters", (ids,))
        found = look(list(asked))
        self.letters = [found[letter_id] for letter_id in asked if letter_id in found]
        self._missing = [letter_id for letter_id in asked if letter_id not in found]
        self._refused: dict[UUID, str] = {}
        self.new_jobs: dict[UUID, UUID] = {}
        for letter in self.letters:
            if asked[letter.id] not in (None, letter.version):
                self._refused[letter.id] = "changed_since"

    def open_ones(self) -> list[Looked]:
        """Those of which nothing has been said yet."""
        return [letter for letter in self.letters if letter.id not in self._refused]

    eligible = open_ones

    def judge(self, letter: Looked, refusal: str | None) -> None:
        """Name what forbids it, or nothing."""
        if refusal is not None:
            self._refused[letter.id] = refusal

    def settle(self, resolution: Resolution, job_state: JobState) -> Moves:
        """Resolve what nothing forbids, and write the log for all."""
        going = self.eligible()
        names = (self._operator.name, self._operator.reason)
        versions = [letter.version for letter in going]
        ids = uuid_array(letter.id for letter in going)
        rows = run("resolve_letters", (ids, versions, resolution.value, *names)) if going else []
        if len(rows) != len(going):
            raise AssertionError("a locked letter moved under its lock")
        after = {"resolution": resolution.value, "job_state": job_state.value}
        record_actions(self._operator, self._verb, [self._act(letter, after) for letter in self.letters])
        return Moves([self._resolved(letter) for letter in going], self._refused, self._missing)

    def _act(self, letter: Looked, after: dict[str, str]) -> Act:
        facts = letter.facts
        before = {"resolution": facts.resolution.value, "job_state": facts.job_state.value if facts.job_state else None}
        refusal = self._refused.get(letter.id)
        if refusal is not None:
            return Act(str(letter.id), f"refused: {refusal}", before)
        return Act(str(letter.id), "done", before, after)

    def _resolved(self, letter: Looked) -> Resolved:
        job_id = self.new_jobs.get(letter.id, letter.job_id)
        return Resolved(letter.id, job_id, letter.queue, letter.redis_message_id)


def _let_expired_keys_go(batch: _Batch) -> None:
    """Keys that succeeded jobs hold past their period; only for letters that will ask for them."""
    keys = sorted(
        {one.dispatch_key for one in batch.open_ones() if one.dispatch_key and not requeue_refusal(one.facts)}
    )
    if keys:
        run("let_go_keys", (keys,))


def _take_up(batch: _Batch, dedupe_s: int) -> None:
    """The jobs of what is eligible run again; a key that somebody took this very moment refuses its letter alone."""
    going = [letter for letter in batch.eligible() if letter.job_id]
    if not going:
        return
    moved = _requeued(going, dedupe_s)
    if moved is None:
        moved = set().union(*(_requeued([letter], dedupe_s) or set() for letter in going))
    for letter in going:
        if letter.job_id not in moved:
            batch.judge(letter, "key_taken")


def _requeued(letters: Sequence[Looked], dedupe_s: int) -> set[UUID] | None:
    """Ids of the jobs that moved; None: a key of theirs is being taken by another transaction, and none moved."""
    ids = uuid_array(letter.job_id for letter in letters if letter.job_id)
    now_ms = int(time.time() * 1000)  # compared with the workers' clocks, as Dramatiq does
    rows = query("SELECT id, payload FROM background_job WHERE id = ANY (%s::uuid[])", (ids,))
    payloads = [restamped(bytes(row[1]), now_ms) for row in rows]
    try:
        with atomic():
            return {row[0] for row in run("requeue_jobs", (uuid_array(row[0] for row in rows), payloads, dedupe_s))}
    except (psycopg2.errors.UniqueViolation, psycopg2.errors.LockNotAvailable):
        return None


def _make_jobs(batch: _Batch, dedupe_s: int, read_job: ReadJob | None) -> None:
    """The jobs of adopted letters. One whose job is in the ledger by now has come in by another way."""
    for letter in batch.eligible():
        if letter.job_id is None:
            made = _make_job(letter, dedupe_s, read_job)
            if isinstance(made, str):
                batch.judge(letter, made)
            else:
                batch.new_jobs[letter.id] = made


def _make_job(letter: Looked, dedupe_s: int, read_job: ReadJob | None) -> UUID | str:
    """The id of the new job, or the name of a refusal."""
    payload = query("SELECT payload FROM dead_letter WHERE id = %s", (letter.id,))[0][0]
    try:
        job = read_job(letter.queue, bytes(payload)) if read_job else None
    except (ValueError, TypeError):
        job = None
    if job is None:
        return "undecodable"
    stamped = restamped(job.payload, int(time.time() * 1000))
    values = (job.id, job.dispatch_key, job.actor, letter.queue, psycopg2.Binary(stamped), job.client_id)
    run("let_go_keys", ([job.dispatch_key],))
    rest = (job.attempts_allowed, job.correlation_id, job.causation_id, dedupe_s)
    if run("insert_adopted_job", (*values, *rest)):
        query("UPDATE dead_letter SET job_id = %s WHERE id = %s", (job.id, letter.id))
        return job.id
    held = query("SELECT state FROM background_job WHERE id = %s", (job.id,))
    if not held:
        return "key_taken"
    return {"succeeded": "succeeded", "running": "live_claim"}.get(str(held[0][0]), "not_dead")


def _repeated(move: Callable[[], _T]) -> _T:
    """One transaction, repeated when it lost to another."""
    for _ in range(_REPEATS):
        try:
            with atomic():
                return move()
        except _LOST:
            continue
    with atomic():
        return move()
