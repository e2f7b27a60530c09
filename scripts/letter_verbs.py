"""The verbs on one dead letter: the ledger first, then its entry in Redis.

It must not know which invariants there are: `policy.requeue` names them, the ledger holds them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias
from uuid import UUID

import redis

from middleware.configuration import redis_url
from middleware.redis_broker import redis_client
from models.dead_queue import DeadQueue
from models.ledger.dispatch import Wanted
from models.ledger.letters import Operator, Resolved, discard_letter, requeue_letter
from models.readings.identity import Kind, identify
from models.readings.letter_facts import letter_facts
from models.readings.letters import LetterRow, find_letter, letters_of
from policy.errors import InvariantRefused, NotFound
from policy.requeue import REFUSALS, LetterFacts, discard_refusal, requeue_refusal
from policy.settings import Settings
from policy.states import Resolution
from scripts.operator_spans import action_span
from scripts.several import Outcome, Result
from scripts.strays import strays_named

#: Removes letters' entries from Redis; gives a note for the operator where that did not go as it should.
RemoveEntries: TypeAlias = "Callable[[Sequence[Resolved]], str | None]"


def find(text: str, settings: Settings) -> LetterRow:
    """The letter that `text` names: its own id, or its job's (then the open letter, else the last one).

    Raises NotFound, which tells of an entry that only Redis has, and Ambiguous.
    """
    with strays_named(settings, text):
        named = identify(text, frozenset({Kind.DEAD_LETTER, Kind.JOB}))
    if named.kind is Kind.DEAD_LETTER:
        letter = find_letter(named.uuid)
    else:
        of_job = letters_of([named.uuid])
        letter = next((one for one in of_job if one.resolution == Resolution.OPEN), of_job[-1] if of_job else None)
    if letter is None:
        raise NotFound(f"{named.kind} {named.id} has no dead letter")
    return letter


@contextmanager
def dead_queues(settings: Settings) -> Iterator[RemoveEntries]:
    """What removes entries, on one connection. Raises ServersNotFound before anything is done."""
    client = redis_client(redis_url(settings))
    try:
        yield lambda moved: _remove(client, moved)
    finally:
        client.close()


def requeue(letter_id: UUID, operator: Operator, *, dedupe_s: int, remove_entry: RemoveEntries) -> Outcome:
    """Have a dead job run again. Raises NotFound, and InvariantRefused; nothing has moved then."""
    with _named_refusals(letter_id, "requeue"), action_span("requeue", operator, str(letter_id)):
        moved = requeue_letter(letter_id, operator, dedupe_s=dedupe_s, read_job=reads_adopted)
    text = f"requeued letter {letter_id}: job {moved.job_id} is pending"
    return Outcome(str(letter_id), Result.DONE, text, note=remove_entry([moved]))


def discard(letter_id: UUID, operator: Operator, *, remove_entry: RemoveEntries) -> Outcome:
    """Close a letter for good. Raises NotFound, and InvariantRefused; nothing has moved then."""
    with _named_refusals(letter_id, "discard"), action_span("discard", operator, str(letter_id)):
        moved = discard_letter(letter_id, operator)
    return Outcome(str(letter_id), Result.DONE, f"discarded letter {letter_id}", note=remove_entry([moved]))


def would_requeue(letter_id: UUID) -> Outcome:
    """What `requeue` would do now. Raises NotFound, InvariantRefused."""
    _refuse(letter_id, "requeue", requeue_refusal(_facts(letter_id)))
    return Outcome(str(letter_id), Result.WOULD_BE_DONE, f"would requeue letter {letter_id}")


def would_discard(letter_id: UUID, reason: str) -> Outcome:
    """What `discard` would do now. Raises NotFound, InvariantRefused."""
    _refuse(letter_id, "discard", discard_refusal(_facts(letter_id), reason))
    return Outcome(str(letter_id), Result.WOULD_BE_DONE, f"would discard letter {letter_id}")


def _facts(letter_id: UUID) -> LetterFacts:
    facts = letter_facts(letter_id)
    if facts is None:
        raise NotFound(f"no dead letter {letter_id}")
    return facts


@contextmanager
def _named_refusals(letter_id: UUID, verb: str) -> Iterator[None]:
    """A refusal of the ledger in an operator's words."""
    try:
        yield
    except InvariantRefused as refused:
        _refuse(letter_id, verb, refused.reason)


def _refuse(letter_id: UUID, verb: str, reason: str | None) -> None:
    if reason is not None:
        raise InvariantRefused(reason, f"{verb} of letter {letter_id} refused, {reason}: {REFUSALS.get(reason, '')}")


def reads_adopted(queue: str, data: bytes) -> Wanted:
    """The job that an adopted message asks for. Raises ValueError for bytes that are no message.

    Imported when one is met: our families say how many attempts their actors allow.
    """
    from actors.broker import setup
    from middleware.adoption import adopted_job

    return adopted_job(setup(), queue, data)


def _remove(client: redis.Redis, moved: Sequence[Resolved]) -> str | None:
    by_queue: dict[str, list[str]] = defaultdict(list)
    for one in moved:
        if one.redis_message_id is not None:
            by_queue[one.queue].append(one.redis_message_id)
    try:
        for queue, redis_ids in by_queue.items():
            DeadQueue(client, queue).remove_many(redis_ids)
    except redis.RedisError as error:
        left = ", ".join(f"{queue}.XQ" for queue in by_queue)
        return f"Redis did not answer, {type(error).__name__}: what is left in {left} goes with `callboard dlq sync`"
    return None
