"""Reads dead letters in groups: how many of a kind, since when, and one to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from peewee import SQL, fn

from models.readings.letters import LetterFilter, conditions_of
from models.readings.paging import Span, fetch
from models.tables import DeadLetter as Letter
from policy.states import Word


class By(Word):
    """What letters are grouped by."""

    FINGERPRINT = "fingerprint"
    ACTOR = "actor"
    REASON = "reason"
    CLIENT = "client"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Letters of a kind: `value` is what they share (None: nothing), `example` the last one that died."""

    value: str | None
    count: int
    first_seen: datetime
    last_seen: datetime
    example: UUID
    error: str | None


_COLUMNS: dict[By, Any] = {
    By.FINGERPRINT: Letter.fingerprint,
    By.ACTOR: Letter.actor,
    By.REASON: Letter.reason,
    By.CLIENT: Letter.client_id,
    By.HOUR: fn.to_char(fn.date_trunc("hour", Letter.died_at), "YYYY-MM-DD HH24:00"),
}


def group_letters(wanted: LetterFilter, by: By, span: Span) -> list[LetterGroup]:
    """The largest groups first (hours: the last first), `span.limit` at most; `span.after` means nothing here."""
    conditions = conditions_of(wanted)
    conditions += [Letter.died_at >= span.since] if span.since else []
    conditions += [Letter.died_at < span.until] if span.until else []
    column = _COLUMNS[by]
    newest = "(array_agg(%s ORDER BY t1.died_at DESC, t1.id DESC))[1]"
    select = Letter.select(
        column.alias("value"),
        fn.count(Letter.id).alias("letters"),
        fn.min(Letter.died_at),
        fn.max(Letter.died_at).alias("last_seen"),
        SQL(newest % "t1.id"),
        SQL(newest % "concat_ws(': ', t1.error_class, left(t1.error_message, 200))"),
    ).group_by(SQL("1"))
    select = select.where(*conditions) if conditions else select
    order = SQL("1 DESC") if by is By.HOUR else SQL("2 DESC, 1")
    return [LetterGroup(*row) for row in fetch(select.order_by(order).limit(span.limit))]
