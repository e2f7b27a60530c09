"""One view of both worlds: a page of the ledger's dead letters with the entries of Redis that the ledger does not know.

It must not know how a row is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from uuid import UUID, uuid5

import redis

from middleware.adoption import stray
from middleware.dead_queue_sync import placed
from models.dead_queue import DeadQueue, Mark, queues_with_dead
from models.ledger.adoption import Stray
from models.readings.letters import LetterFilter, LetterRow, list_letters
from models.readings.paging import Cursor, Page, Span
from policy.dead_entries import Standing
from policy.keys import FOREIGN_MESSAGES
from policy.states import Resolution

#: Entries of Redis looked at for one page; past it the drift is so great that it has to be repaired first.
LOOKED_AT_MAX = 5_000
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """A row of the view; `in_ledger` False: an entry that only Redis has, under its redis id."""

    letter: LetterRow
    in_ledger: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """A page of both; `note` says what was left out of it."""

    page: Page[Seen]
    note: str | None = None


def may_hold_strays(wanted: LetterFilter) -> bool:
    """Whether entries without a letter belong into a list: they are open, and all that is asked of them is a queue."""
    narrowing = (wanted.client_id, wanted.actor, wanted.error_class, wanted.fingerprint, wanted.correlation_id)
    is_narrowed = any(one is not None for one in (*narrowing, wanted.text)) or bool(wanted.reasons)
    return not is_narrowed and (not wanted.resolutions or Resolution.OPEN in wanted.resolutions)


def view(client: redis.Redis | None, wanted: LetterFilter, span: Span) -> View:
    """A page of dead letters, the last died first. While Redis is away, the ledger's alone, with a note.

    Raises psycopg2.Error.
    """
    page = list_letters(wanted, span)
    rows = [Seen(letter) for letter in page.rows]
    if client is None or not may_hold_strays(wanted):
        return View(Page(rows, page.next))
    try:
        strays, complete = _strays(client, wanted.queue, span, page.next.at if page.next else None)
    except redis.RedisError as error:
        return View(Page(rows, page.next), f"Redis did not answer ({type(error).__name__}): only the ledger is shown")
    rows = sorted([*rows, *strays], key=_place, reverse=True)
    more = page.next is not None or len(rows) > span.limit
    kept = rows[: span.limit]
    after = Cursor(kept[-1].letter.died_at, str(kept[-1].letter.id)) if more and kept else None
    note = None if complete else "more entries in Redis than are looked at here: run `callboard dlq sync`"
    return View(Page(kept, after), note)


def _strays(client: redis.Redis, queue: str | None, span: Span, oldest: datetime | None) -> tuple[list[Seen], bool]:
    """Entries in the page's span of time that the ledger does not know; False: not all could be looked at."""
    found: list[Seen] = []
    looked_at = 0
    for name in [queue] if queue is not None else queues_with_dead(client):
        mine: list[Seen] = []
        for marks in _marks(DeadQueue(client, name), span, oldest):
            looked_at += len(marks)
            mine += _unknown(DeadQueue(client, name), name, marks, span)
            if len(mine) > span.limit:
                break
            if looked_at >= LOOKED_AT_MAX:
                return found + mine, False
        found += mine
    return found, True


def _marks(queue: DeadQueue, span: Span, oldest: datetime | None) -> Iterator[list[Mark]]:
    newest = min((at for at in (span.after.at if span.after else None, span.until) if at), default=None)
    floor = max((at for at in (oldest, span.since) if at), default=None)
    # Half a second wider than asked: Redis has milliseconds, and rows are compared exactly afterwards.
    before = Mark(newest.timestamp() * 1000 + 500, "") if newest else None
    since_ms = floor.timestamp() * 1000 - 500 if floor else None
    while marks := queue.newest_marks(before, _PAGE, since_ms=since_ms):
        yield marks
        before = marks[-1]


def _unknown(queue: DeadQueue, name: str, marks: list[Mark], span: Span) -> list[Seen]:
    rows = [
        Seen(_row(stray(name, one.entry)), in_ledger=False)
        for one in placed(queue, name, marks)
        if one.standing is Standing.STRAY
    ]
    return [row for row in rows if _is_in(row, span)]


def _is_in(row: Seen, span: Span) -> bool:
    at = row.letter.died_at
    if (span.since and at < span.since) or (span.until and at >= span.until):
        return False
    return span.after is None or (at, row.letter.id) < (span.after.at, UUID(span.after.id))


def _place(row: Seen) -> tuple[datetime, UUID]:
    return row.letter.died_at, row.letter.id


def _row(one: Stray) -> LetterRow:
    return LetterRow(
        id=_id_of(one.redis_id),
        job_id=None,
        queue=one.queue,
        redis_message_id=one.redis_id,
        actor=one.actor,
        client_id=one.client_id,
        correlation_id=one.correlation_id,
        reason=one.reason.value,
        error_class=one.error_class,
        error_message=one.error_message,
        fingerprint=None,
        version=0,
        died_at=one.died_at.astimezone(timezone.utc),
        resolution=Resolution.OPEN.value,
        resolved_by=None,
        resolved_reason=None,
        resolved_at=None,
    )


def _id_of(redis_id: str) -> UUID:
    """Dramatiq's ids are UUIDs; anything else gets a name to be sorted by."""
    try:
        return UUID(redis_id)
    except ValueError:
        return uuid5(FOREIGN_MESSAGES, redis_id)
