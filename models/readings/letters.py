"""Reads dead letters: lists, those of jobs, their bytes when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.database import query
from models.readings.paging import Condition, Page, Select, Span, columns, fetch, newest, page
from models.tables import DeadLetter as Letter
from policy.states import DeadReason, Resolution


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A dead letter without its bytes."""

    id: UUID
    job_id: UUID | None
    queue: str
    redis_message_id: str | None
    actor: str | None
    client_id: str | None
    correlation_id: str | None
    reason: str
    error_class: str | None
    error_message: str | None
    fingerprint: str | None
    version: int
    died_at: datetime
    resolution: str
    resolved_by: str | None
    resolved_reason: str | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters; what is None is not asked, no resolutions means all of them."""

    client_id: str | None = None
    actor: str | None = None
    queue: str | None = None
    reasons: Sequence[DeadReason] = ()
    resolutions: Sequence[Resolution] = (Resolution.OPEN,)
    error_class: str | None = None
    fingerprint: str | None = None
    correlation_id: str | None = None
    text: str | None = None


def list_letters(wanted: LetterFilter, span: Span) -> Page[LetterRow]:
    """A page of dead letters, the last died first."""
    rows = newest(_letters(*conditions_of(wanted)), Letter.died_at, Letter.id, span)
    return page([LetterRow(*row) for row in rows], span, "died_at", "id")


def matching_ids(wanted: LetterFilter, since: datetime | None, until: datetime | None) -> list[UUID]:
    """Ids of all letters that a filter finds, the first died first."""
    conditions = conditions_of(wanted)
    conditions += [Letter.died_at >= since] if since else []
    conditions += [Letter.died_at < until] if until else []
    select: Select = Letter.select(Letter.id)
    select = select.where(*conditions) if conditions else select
    return [row[0] for row in fetch(select.order_by(Letter.died_at, Letter.id))]


def find_letter(letter_id: UUID) -> LetterRow | None:
    """The letter of this id."""
    rows = fetch(_letters(Letter.id == letter_id))
    return LetterRow(*rows[0]) if rows else None


def letters_of(job_ids: Sequence[UUID]) -> list[LetterRow]:
    """The letters of these jobs, open or not, the first died first."""
    if not job_ids:
        return []
    select = _letters(Letter.job_id.in_(list(job_ids))).order_by(Letter.died_at, Letter.id)
    return [LetterRow(*row) for row in fetch(select)]


def letter_bytes(letter_id: UUID) -> bytes | None:
    """The envelope of a letter, or the raw bytes of one that never became a job. They hold the arguments."""
    rows = query("SELECT coalesce(payload, raw) FROM dead_letter WHERE id = %s", (letter_id,))
    return bytes(rows[0][0]) if rows else None


def conditions_of(wanted: LetterFilter) -> list[Condition]:
    """What a filter says of the rows."""
    asked = [
        (Letter.client_id, wanted.client_id),
        (Letter.actor, wanted.actor),
        (Letter.queue, wanted.queue),
        (Letter.error_class, wanted.error_class),
        (Letter.fingerprint, wanted.fingerprint),
        (Letter.correlation_id, wanted.correlation_id),
    ]
    conditions: list[Condition] = [column == value for column, value in asked if value is not None]
    if wanted.text is not None:
        conditions.append(Letter.error_message.contains(wanted.text) | Letter.error_class.contains(wanted.text))
    if wanted.reasons:
        conditions.append(Letter.reason.in_([reason.value for reason in wanted.reasons]))
    # One alone is an equality: the index over open letters is chosen by it.
    if len(wanted.resolutions) == 1:
        conditions.append(Letter.resolution == wanted.resolutions[0].value)
    elif wanted.resolutions:
        conditions.append(Letter.resolution.in_([resolution.value for resolution in wanted.resolutions]))
    return conditions


def _letters(*conditions: Condition) -> Select:
    select: Select = Letter.select(*columns(Letter, LetterRow))
    return select.where(*conditions) if conditions else select
