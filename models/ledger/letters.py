"""Dead letters one at a time: raw bytes put aside, and an operator's verb on one letter. It must not know Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from models.database import query
from models.ledger.letter_moves import Moves, ReadJob, Resolved, discard_letters, requeue_letters
from models.ledger.operators import Operator, record_action
from policy.errors import InvariantRefused, NotFound
from policy.states import DeadReason
from policy.texts import cap_text

__all__ = ["Operator", "RawLetter", "Resolved", "discard_letter", "put_aside", "record_action", "requeue_letter"]

#: Bytes of an error's text that a letter keeps.
_ERROR_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class RawLetter:
    """Bytes that never became a job: no message, or refused by the ledger itself."""

    queue: str
    redis_id: str
    data: bytes
    reason: DeadReason
    error_class: str
    error_message: str


def put_aside(letters: Sequence[RawLetter]) -> None:
    """Keep raw bytes as letters without a job; repeating it is harmless."""
    for letter in letters:
        query(
            "INSERT INTO dead_letter (id, queue, redis_message_id, raw, reason, error_class, error_message)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                uuid4(),
                letter.queue,
                letter.redis_id,
                letter.data,
                letter.reason.value,
                letter.error_class,
                # An error without a text is told by its class, as in the rows of attempts.
                cap_text(letter.error_message or letter.error_class, _ERROR_BYTES),
            ),
        )


def requeue_letter(letter_id: UUID, operator: Operator, *, dedupe_s: int, read_job: ReadJob | None = None) -> Resolved:
    """Move an open letter's job back to pending: budgets zeroed, key taken back, letter REQUEUED.

    Raises NotFound, and InvariantRefused with the name of the invariant; nothing has moved then, and the refusal is
    on record.
    """
    return _only(letter_id, requeue_letters({letter_id: None}, operator, dedupe_s=dedupe_s, read_job=read_job))


def discard_letter(letter_id: UUID, operator: Operator) -> Resolved:
    """Close an open letter for good: its job is discarded. Needs a reason.

    Raises NotFound, and InvariantRefused with the name of the invariant.
    """
    return _only(letter_id, discard_letters({letter_id: None}, operator))


def _only(letter_id: UUID, moves: Moves) -> Resolved:
    """The one letter of a batch."""
    if letter_id in moves.refused:
        raise InvariantRefused(moves.refused[letter_id])
    if not moves.moved:
        raise NotFound(f"no dead letter {letter_id}")
    return moves.moved[0]
