"""Recognises a mail without a Message-ID among its lead's mails by what it says. Only reads; knows no mail's bytes.

Such a mail is known by its bytes, and programs write into those: an mbox export adds `Status: RO`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.database import query


@dataclass(frozen=True, slots=True)
class Content:
    """What two copies of a mail have in common, as a row would hold it. `sent_at` is its own date, aware."""

    lead_id: UUID
    sent_at: datetime
    subject: str
    body: str


def stored_identities(contents: Sequence[Content]) -> dict[Content, str]:
    """Identities of the received mails that say the same at the same moment, the first to arrive where there are more.

    A mail from a clock ahead of ours stands at the moment of its ingest.
    """
    rows = query(
        "SELECT w.place, m.identity FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[])"
        " WITH ORDINALITY AS w (lead, sent_at, subject, body, place) JOIN lead_message AS m ON m.lead_id = w.lead"
        " AND m.direction = 'inbound' AND m.channel = 'email' AND m.subject = w.subject AND m.body = w.body"
        " AND (m.sent_at = w.sent_at"
        "   OR (w.sent_at > m.sent_at AND m.sent_at BETWEEN m.created_at - interval '1 s' AND m.created_at))"
        " ORDER BY m.arrival DESC",
        (
            [one.lead_id for one in contents],
            [one.sent_at for one in contents],
            [one.subject for one in contents],
            [one.body for one in contents],
        ),
    )
    return {contents[place - 1]: identity for place, identity in rows}
