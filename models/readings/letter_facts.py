"""Reads what the invariants want to know of dead letters, many in one statement; the ledger asks it under its locks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from models.arrays import uuid_array
from models.database import Row, run
from policy.requeue import LetterFacts
from policy.states import DeadReason, JobState, Resolution


@dataclass(frozen=True, slots=True)
class Looked:
    """A letter as it was looked at; `dispatch_key` is its job's, `facts` are what the invariants ask."""

    id: UUID
    version: int
    job_id: UUID | None
    queue: str
    redis_message_id: str | None
    dispatch_key: str | None
    facts: LetterFacts


def look(letter_ids: Sequence[UUID]) -> dict[UUID, Looked]:
    """These letters by id, as they stand; ids that no letter has are left out."""
    looked = (_looked(row) for row in run("letter_facts", (uuid_array(letter_ids),)))
    return {letter.id: letter for letter in looked}


def letter_facts(letter_id: UUID) -> LetterFacts | None:
    """What `policy.requeue` asks of a letter as it stands; the ledger looks again, under locks, before it moves."""
    found = look([letter_id]).get(letter_id)
    return found.facts if found else None


def _looked(row: Row) -> Looked:
    (letter_id, version, resolution, reason, decodable, job_id, queue, redis_id, state, key, key_holder, unknown) = row
    facts = LetterFacts(
        resolution=Resolution(resolution),
        job_state=JobState(state) if state else None,
        live_claim=state == JobState.RUNNING.value,
        unknown_effects=unknown,
        key_held_by_other=key_holder,
        adopted=job_id is None,
        decodable=decodable,
        reason=DeadReason(reason),
    )
    return Looked(letter_id, version, job_id, queue, redis_id, key, facts)
