"""Reads foreign envelopes: what an entry of a dead queue was, and the job that an adopted message asks for.

It must not know the ledger's statements.
"""

from __future__ import annotations

import contextlib
from uuid import UUID

from dramatiq import Broker, Message
from dramatiq.errors import DecodeError

from middleware.envelopes import text, wanted_job
from models.dead_queue import Entry
from models.ledger.adoption import Stray
from models.ledger.dispatch import Wanted
from policy.keys import job_id_of
from policy.states import DeadReason

#: What Dramatiq's own Retries leaves in the options; a job's budgets stand in its row.
_SPENT = ("retries", "traceback", "requeue_timestamp", "max_retries_exceeded")


def job_of(data: bytes | None) -> UUID | None:
    """The job whose message or copy these bytes are; None where they are no message."""
    message = _decoded(data)
    if message is None:
        return None
    named = message.options.get("job_id")
    return job_id_of(named if isinstance(named, str) else message.message_id)


def stray(queue: str, entry: Entry) -> Stray:
    """What can be said of an entry that the ledger does not know. Raises nothing, whatever its bytes are."""
    message = _decoded(entry.data)
    if message is None:
        # Not what the bytes are: they may be somebody's arguments, which nothing shows unasked.
        told = ("DecodeError", f"{len(entry.data or b'')} bytes that are no message")
        nothing = (None, None, None, None)
        return Stray(queue, entry.redis_id, entry.died_at, entry.data or b"", *nothing, DeadReason.UNDECODABLE, *told)
    options = message.options
    reason = DeadReason.EXHAUSTED if options.get("retries") else DeadReason.TERMINAL
    return Stray(
        queue,
        entry.redis_id,
        entry.died_at,
        entry.data or b"",
        job_of(entry.data),
        text(message.actor_name),
        text(options.get("client_id")),
        text(options.get("correlation_id")),
        reason,
        *_last_error(options.get("traceback")),
    )


def adopted_job(broker: Broker, queue: str, data: bytes) -> Wanted:
    """The job that an adopted message asks for. Raises ValueError for bytes that are no message."""
    message = _decoded(data)
    if message is None:
        raise ValueError("the bytes are no message")
    options = {name: value for name, value in message.options.items() if name not in _SPENT}
    return wanted_job(broker, message._replace(queue_name=queue, options=options))


def _decoded(data: bytes | None) -> Message[object] | None:
    with contextlib.suppress(DecodeError, TypeError, KeyError, AttributeError, ValueError, RecursionError):
        message: Message[object] = Message.decode(data or b"")
        # Bytes of a stranger: Dramatiq checks the names of the fields, not what they hold.
        fields: tuple[tuple[object, type], ...] = (
            (message.options, dict),
            (message.kwargs, dict),
            (message.actor_name, str),
            (message.message_id, str),
        )
        if message.actor_name and all(isinstance(value, kind) for value, kind in fields):
            return message
    return None


def _last_error(traceback: object) -> tuple[str | None, str | None]:
    """Class and message of the error that a formatted traceback ends with."""
    if not isinstance(traceback, str) or not traceback.strip():
        return None, None
    last = traceback.strip().splitlines()[-1]
    name, colon, said = last.partition(": ")
    return (text(name.rpartition(".")[2]), text(said)) if colon else (None, text(last))
