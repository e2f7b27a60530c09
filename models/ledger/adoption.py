"""Entries of Dramatiq's dead queues that the ledger did not know become letters; letters are linked to their entries.

It must not know Redis or how a message is encoded: it is given what was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from models.database import atomic, query
from models.ledger.operators import Act, Operator, record_actions
from policy.states import DeadReason
from policy.texts import cap_text

#: Bytes of an error's text that a letter keeps.
_ERROR_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Stray:
    """An entry that the ledger does not know. `actor` is None where its bytes are no message."""

    queue: str
    redis_id: str
    died_at: datetime
    data: bytes
    job_id: UUID | None
    actor: str | None
    client_id: str | None
    correlation_id: str | None
    reason: DeadReason
    error_class: str | None
    error_message: str | None


def adopt(strays: Sequence[Stray], operator: Operator) -> dict[str, UUID]:
    """Make a letter of each; gives the new letters by redis id. One that is known by now is left out.

    Repeating it is harmless, from many sides too. Raises psycopg2.Error; then nothing has been adopted.
    """
    adopted: dict[str, UUID] = {}
    with atomic():
        for stray in strays:
            if (letter_id := _insert(stray)) is not None:
                adopted[stray.redis_id] = letter_id
        acts = [
            Act(str(adopted[one.redis_id]), "done", after={"queue": one.queue, "redis_message_id": one.redis_id})
            for one in strays
            if one.redis_id in adopted
        ]
        record_actions(operator, "adopt", acts)
    return adopted


def link_entry(letter_id: UUID, redis_id: str) -> bool:
    """An open letter that names no entry names this one; False when it has been resolved or linked meanwhile."""
    rows = query(
        "UPDATE dead_letter SET redis_message_id = %s WHERE id = %s AND resolution = 'OPEN'"
        " AND redis_message_id IS NULL RETURNING id",
        (redis_id, letter_id),
    )
    return bool(rows)


def _insert(stray: Stray) -> UUID | None:
    decodable = stray.actor is not None
    message = cap_text(stray.error_message, _ERROR_BYTES) if stray.error_message else None
    rows = query(
        "INSERT INTO dead_letter (id, queue, redis_message_id, payload, raw, actor, client_id, correlation_id, reason,"
        " error_class, error_message, died_at)"
        " SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s"
        " WHERE NOT EXISTS (SELECT FROM dead_letter WHERE queue = %s AND redis_message_id = %s)"
        " AND NOT EXISTS (SELECT FROM background_job WHERE id = %s)"
        " ON CONFLICT DO NOTHING RETURNING id",
        (
            uuid4(),
            stray.queue,
            stray.redis_id,
            stray.data if decodable else None,
            None if decodable else stray.data,
            stray.actor,
            stray.client_id,
            stray.correlation_id,
            stray.reason.value,
            stray.error_class,
            message,
            stray.died_at,
            stray.queue,
            stray.redis_id,
            stray.job_id,
        ),
    )
    return rows[0][0] if rows else None
