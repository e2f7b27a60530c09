"""Claim: a worker's right to run a fetched batch, taken in one statement. It must not know where copies come from.

Copies and claims are named tuples: frozen dataclasses cost several times as much to make, thousands a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from models.crash_points import crash_point
from models.database import Row, run
from policy.errors import LedgerUnavailable
from policy.states import JobState, RefusedCopy

#: A copy can be neither claimable nor refusable for a moment (its key is changing hands); then the claim is repeated.
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Holder:
    """The worker process that claims: its registered row."""

    id: UUID
    host: str
    pid: int
    code_version: str


class Copy(NamedTuple):
    """A message as fetched. `release` None: a plain `send()`, whose row the claim inserts from the other columns."""

    job_id: UUID
    release: int | None
    dispatch_key: str
    actor: str
    queue: str
    payload: bytes
    attempts_allowed: int | None
    correlation_id: str
    requested_at: datetime
    client_id: str | None = None
    causation_id: str | None = None
    source: str | None = None
    traceparent: str | None = None


class Claimed(NamedTuple):
    """A live claim. `payload` is the row's envelope, or None where the row was made from the copy itself."""

    job_id: UUID
    fence: int
    attempt: int
    run_id: int
    claimed_at: datetime
    queue_ms: float
    payload: bytes | None
    attempts_spent: int
    attempts_allowed: int | None
    throttles: int
    suspect: bool
    client_id: str | None
    dispatch_key: str
    correlation_id: str
    source: str | None
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """The copy must not run. `dead`: its job is dead, so the copy belongs to the dead letters, not to the bin."""

    outcome: RefusedCopy
    dead: bool = False
    holder: UUID | None = None


def claim(
    holder: Holder, claim_id: UUID, copies: Sequence[Copy], *, dedupe_s: int, repeated: bool = False
) -> dict[UUID, Claimed | Refused]:
    """Claim each copy or say why not. Each job may stand in `copies` once.

    `repeated`: this claim id may already have been committed (its reply was lost); what it took is answered again.
    Raises psycopg2.Error, and LedgerUnavailable when this worker is not (or no longer) registered as alive.
    """
    answers: dict[UUID, Claimed | Refused] = {}
    open_ones = list(copies)
    for round_number in range(_ROUNDS):
        if repeated or round_number:
            rows = run("claims_held", (claim_id, holder.id, [copy.job_id for copy in open_ones]))
            answers.update((row[0], Claimed(*row)) for row in rows)
            open_ones = [copy for copy in open_ones if copy.job_id not in answers]
        if open_ones:
            crash_point("claim.before_commit")
            rows = run("claim_jobs", _params(holder, claim_id, open_ones, dedupe_s))
            crash_point("claim.after_commit")
            for place, *claimed in rows:
                job_id = open_ones[place - 1].job_id
                answers[job_id] = Claimed(job_id, *claimed)
        open_ones = [copy for copy in open_ones if copy.job_id not in answers]
        if open_ones:
            answers.update(_refusals(open_ones))
        open_ones = [copy for copy in open_ones if copy.job_id not in answers]
        if not open_ones:
            return answers
    raise LedgerUnavailable(f"worker {holder.id} is not registered as alive, or the keys it met keep changing hands")


def _refusals(copies: Sequence[Copy]) -> dict[UUID, Refused]:
    seen = {row[0]: row for row in run("jobs_seen", ([copy.job_id for copy in copies],))}
    refused = {copy.job_id: _refusal(copy, seen.get(copy.job_id)) for copy in copies}
    by_key = [copy for copy in copies if copy.job_id not in seen and copy.release is None]
    if by_key:
        refused.update(_key_refusals(by_key))
    return {job_id: refusal for job_id, refusal in refused.items() if refusal is not None}


def _refusal(copy: Copy, row: Row | None) -> Refused | None:
    if row is None:
        return None if copy.release is None else Refused(RefusedCopy.ORPHAN, dead=True)
    _, state, release, waits, _ = row
    if state == JobState.DEAD.value:
        return Refused(RefusedCopy.STALE, dead=True)
    if state in (JobState.CANCELLED.value, JobState.DISCARDED.value):
        return Refused(RefusedCopy.CANCELLED)
    if state in (JobState.RUNNING.value, JobState.SUCCEEDED.value):
        # Another copy of the same release got it; or it was released anew since, as for a tick that runs it itself.
        superseded = copy.release is not None and copy.release < release
        return Refused(RefusedCopy.STALE if superseded else RefusedCopy.DUPLICATE)
    if waits:
        return Refused(RefusedCopy.NOT_DUE)
    claimable = state == JobState.QUEUED.value and release == copy.release
    return None if claimable else Refused(RefusedCopy.STALE)


def _key_refusals(copies: Sequence[Copy]) -> dict[UUID, Refused]:
    """Plain sends whose dispatch key another job holds; a key past its period is let go, its copy stays open."""
    holders = {row[0]: row for row in run("key_holders", ([copy.dispatch_key for copy in copies], []))}
    expired = sorted(key for key, row in holders.items() if row[4])
    if expired:
        run("let_go_keys", (expired,))
    return {
        copy.job_id: Refused(RefusedCopy.DUPLICATE, holder=row[1])
        for copy in copies
        if (row := holders.get(copy.dispatch_key)) and not row[4] and row[1] != copy.job_id
    }


def _params(holder: Holder, claim_id: UUID, copies: Sequence[Copy], dedupe_s: int) -> tuple[object, ...]:
    return (
        holder.id,
        claim_id,
        holder.host,
        holder.pid,
        holder.code_version,
        [copy.job_id for copy in copies],
        [copy.release for copy in copies],
        [copy.dispatch_key for copy in copies],
        [copy.actor for copy in copies],
        [copy.queue for copy in copies],
        [copy.payload for copy in copies],
        [copy.client_id for copy in copies],
        [copy.attempts_allowed for copy in copies],
        [copy.correlation_id for copy in copies],
        [copy.causation_id for copy in copies],
        [copy.source for copy in copies],
        [copy.requested_at for copy in copies],
        dedupe_s,
        [copy.traceparent for copy in copies],
    )
