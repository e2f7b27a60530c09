"""Rows of conversations and lead scores: read what they are made of, keep them as of the newest message.

It must not know the rules. A slower job never writes over what was made of more messages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.conversations import Conversation, MessageFacts
from messaging.scoring import Score
from models.database import query
from policy.errors import NotFound

#: Arrivals are numbered before they commit: one that is numbered before another may be seen after it. So far back is
#: looked for lead messages that no conversation knows.
_ARRIVALS_BACK = 10_000
#: Bytes of a text that the rules look at; what matters stands at the top of a mail.
_TEXT_CHARS = 10_000


@dataclass(frozen=True, slots=True)
class LeadMessages:
    """A lead with all its messages, oldest first; `texts` are those of the inbound ones."""

    client_id: str
    opted_out: bool
    messages: tuple[MessageFacts, ...]
    texts: tuple[str, ...]
    now: datetime


def read_lead(lead_id: UUID) -> LeadMessages:
    """The lead and its messages in one statement. Raises NotFound."""
    rows = query(
        "SELECT lead.client_id, lead.opted_out_at IS NOT NULL, clock_timestamp(), m.direction, m.sent_at, m.arrival,"
        " m.never_answer, draft.status, answered.arrival, left(m.body, %s)"
        " FROM lead LEFT JOIN lead_message AS m ON m.lead_id = lead.id"
        " LEFT JOIN draft ON draft.lead_message_id = m.id LEFT JOIN draft AS its ON its.id = m.draft_id"
        " LEFT JOIN lead_message AS answered ON answered.id = its.lead_message_id WHERE lead.id = %s"
        " ORDER BY coalesce(answered.arrival, m.arrival), m.arrival",
        (_TEXT_CHARS, lead_id),
    )
    if not rows:
        raise NotFound(f"no lead {lead_id}")
    client_id, opted_out, now = rows[0][:3]
    there = [row for row in rows if row[3] is not None]
    return LeadMessages(
        client_id,
        opted_out,
        tuple(MessageFacts(*row[3:9]) for row in there),
        tuple(row[9] for row in there if row[3] == "inbound"),
        now,
    )


def leads_to_sync(limit: int) -> list[tuple[UUID, str, str]]:
    """Leads whose conversation is behind: lead, client, and what it is behind of (an arrival, a draft's outcome)."""
    rows = query(
        "(SELECT fresh.lead_id, lead.client_id, fresh.arrival::text FROM ("
        "   SELECT lead_id, max(arrival) AS arrival FROM lead_message"
        "   WHERE arrival > (SELECT coalesce(max(last_arrival), 0) FROM conversation) - %s GROUP BY lead_id) AS fresh"
        "  JOIN lead ON lead.id = fresh.lead_id LEFT JOIN conversation USING (lead_id)"
        "  WHERE coalesce(conversation.last_arrival, 0) < fresh.arrival ORDER BY fresh.arrival LIMIT %s)"
        " UNION ALL"
        " (SELECT conversation.lead_id, conversation.client_id, draft.id || ':' || draft.status"
        "  FROM conversation JOIN draft ON draft.lead_id = conversation.lead_id"
        "  WHERE conversation.status = 'awaiting_us' AND draft.status IN ('refused', 'held')"
        "  AND draft.updated_at > conversation.synced_at LIMIT %s)",
        (_ARRIVALS_BACK, limit, limit),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def keep_conversation(lead_id: UUID, client_id: str, conversation: Conversation) -> bool:
    """Write the conversation down unless the row knows newer messages; False then."""
    rows = query(
        "INSERT INTO conversation (lead_id, client_id, status, inbound, outbound, last_inbound_at, last_outbound_at,"
        " last_arrival) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (lead_id) DO UPDATE SET status = excluded.status, inbound = excluded.inbound,"
        " outbound = excluded.outbound, last_inbound_at = excluded.last_inbound_at,"
        " last_outbound_at = excluded.last_outbound_at, last_arrival = excluded.last_arrival,"
        " synced_at = clock_timestamp() WHERE conversation.last_arrival <= excluded.last_arrival RETURNING lead_id",
        (
            lead_id,
            client_id,
            conversation.status.value,
            conversation.inbound,
            conversation.outbound,
            conversation.last_inbound_at,
            conversation.last_outbound_at,
            conversation.last_arrival,
        ),
    )
    return bool(rows)


def keep_score(lead_id: UUID, client_id: str, score: Score, *, rules: str, last_arrival: int) -> bool:
    """Write the score down unless the row was made of newer messages; False then."""
    rows = query(
        "INSERT INTO lead_score (lead_id, client_id, score, reasons, rules, last_arrival)"
        " VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (lead_id) DO UPDATE SET score = excluded.score, reasons = excluded.reasons,"
        " rules = excluded.rules, last_arrival = excluded.last_arrival, scored_at = clock_timestamp()"
        " WHERE lead_score.last_arrival <= excluded.last_arrival RETURNING lead_id",
        (lead_id, client_id, score.score, json.dumps(dict(score.reasons)), rules, last_arrival),
    )
    return bool(rows)
