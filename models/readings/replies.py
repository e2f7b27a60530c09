"""Reads lead messages and drafts as the story of a job needs them: never their subjects, bodies or addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.readings.paging import columns, fetch
from models.reply_tables import Draft, LeadMessage


@dataclass(frozen=True, slots=True)
class LeadMessageRow:
    """A lead message without what it says. `never_answer` says why it gets no reply."""

    id: UUID
    lead_id: UUID
    direction: str
    channel: str
    internet_message_id: str | None
    never_answer: str | None
    sent_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft without what it says."""

    id: UUID
    lead_id: UUID
    lead_message_id: UUID
    status: str
    refusal: str | None
    prompt_key: str
    model: str
    sending_job_id: UUID | None
    created_at: datetime
    updated_at: datetime


def lead_messages(ids: Sequence[UUID]) -> list[LeadMessageRow]:
    """Those of these lead messages that are there, in the order in which they came in."""
    if not ids:
        return []
    select = LeadMessage.select(*columns(LeadMessage, LeadMessageRow)).where(LeadMessage.id.in_(list(ids)))
    return [LeadMessageRow(*row) for row in fetch(select.order_by(LeadMessage.arrival))]


def drafts_for(lead_message_ids: Sequence[UUID]) -> list[DraftRow]:
    """The drafts that answer these lead messages, the first written first."""
    if not lead_message_ids:
        return []
    select = Draft.select(*columns(Draft, DraftRow)).where(Draft.lead_message_id.in_(list(lead_message_ids)))
    return [DraftRow(*row) for row in fetch(select.order_by(Draft.created_at))]


def find_draft(draft_id: UUID) -> DraftRow | None:
    """The draft of this id."""
    rows = fetch(Draft.select(*columns(Draft, DraftRow)).where(Draft.id == draft_id))
    return DraftRow(*rows[0]) if rows else None
