"""The gate through which every reply goes out: locks, then conditions, then a reason code or nothing.

It must not know how a mail is sent. What commits after the intent came too late: the gate runs inside its transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.invariants import DraftContext, violations
from messaging.send_time import zone_named
from messaging.store import lock_client, lock_lead
from models.database import query


@dataclass(frozen=True, slots=True)
class Trigger:
    """The inbound lead message that the draft answers."""

    lead_id: UUID
    body: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """The draft as the gate finds it. `lead_id` is the draft's own."""

    lead_id: UUID
    status: str
    sending_job_id: UUID | None
    content: str
    drafted_at: datetime
    trigger: Trigger | None
    newer_inbound: bool
    outbound_after_trigger: bool


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """The lead with its campaign and client. `auto_sends` is None without a campaign."""

    auto_sends: bool | None
    client_paused: bool
    opted_out: bool
    timezone: str
    scheduling_links: tuple[str, ...]


def gate(draft_id: UUID, lead_id: UUID, job_id: UUID, *, part: int = 1) -> str | None:
    """Why this draft must not go to this lead now, or None: then nothing that it asks about can change before commit.

    To be called in the transaction that commits the intent; takes the client's row (shared), then the lead's.
    Later parts of a reply that has begun to go out ask for kill switch and opt-out only.
    """
    client_id = _client_of(lead_id)
    if client_id is None:
        return "draft_lead_mismatch"
    lock_client(client_id)
    lock_lead(lead_id)
    # Only a statement that begins under the locks sees what was committed while they were waited for.
    lead = _read_lead(lead_id)
    if part > 1:
        return _switch_refusal(lead)
    return refusal(_read_draft(draft_id), lead, lead_id, job_id)


def refusal(draft: DraftFacts | None, lead: LeadFacts, lead_id: UUID, job_id: UUID) -> str | None:
    """The first condition that does not hold, by its reason code; None when all do."""
    if draft is None:
        return "draft_not_found"
    return _draft_refusal(draft, lead_id, job_id) or _thread_refusal(draft) or _sender_refusal(draft, lead)


def _draft_refusal(draft: DraftFacts, lead_id: UUID, job_id: UUID) -> str | None:
    if draft.lead_id != lead_id or (draft.trigger is not None and draft.trigger.lead_id != lead_id):
        return "draft_lead_mismatch"
    if draft.status != "pending" and (draft.status, draft.sending_job_id) != ("sending", job_id):
        return f"draft_status_{draft.status}"
    return None


def _thread_refusal(draft: DraftFacts) -> str | None:
    if draft.trigger is None:
        return "trigger_message_not_found"
    if draft.newer_inbound:
        return "newer_inbound_exists"
    return "outbound_after_trigger" if draft.outbound_after_trigger else None


def _sender_refusal(draft: DraftFacts, lead: LeadFacts) -> str | None:
    if lead.auto_sends is None:
        return "no_campaign"
    if not lead.auto_sends:
        return "campaign_not_auto_send"
    return _switch_refusal(lead) or _broken_invariant(draft, lead)


def _switch_refusal(lead: LeadFacts) -> str | None:
    if lead.client_paused:
        return "client_paused"
    return "lead_opted_out" if lead.opted_out else None


def _broken_invariant(draft: DraftFacts, lead: LeadFacts) -> str | None:
    if draft.trigger is None:
        return None
    zone = zone_named(lead.timezone)
    context = DraftContext(
        inbound_text=draft.trigger.body,
        inbound_sent_at=draft.trigger.sent_at,
        zone=zone,
        known_links=lead.scheduling_links,
        drafted_on=draft.drafted_at.astimezone(zone).date(),
    )
    broken = violations(draft.content, context)
    return broken[0].name if broken else None


def _client_of(lead_id: UUID) -> str | None:
    rows = query("SELECT client_id FROM lead WHERE id = %s", (lead_id,))
    return rows[0][0] if rows else None


def _read_lead(lead_id: UUID) -> LeadFacts:
    row = query(
        "SELECT campaign.auto_send, client.paused_at IS NOT NULL, lead.opted_out_at IS NOT NULL, client.timezone,"
        " client.scheduling_links FROM lead JOIN client ON client.id = lead.client_id"
        " LEFT JOIN campaign ON campaign.id = lead.campaign_id WHERE lead.id = %s",
        (lead_id,),
    )[0]
    return LeadFacts(row[0], row[1], row[2], row[3], tuple(row[4]))


def _read_draft(draft_id: UUID) -> DraftFacts | None:
    rows = query(
        "SELECT draft.lead_id, draft.status, draft.sending_job_id, draft.content, draft.created_at,"
        " trigger.lead_id, trigger.body, trigger.sent_at,"
        " EXISTS (SELECT FROM lead_message AS other WHERE other.lead_id = trigger.lead_id"
        "   AND other.direction = 'inbound' AND (other.sent_at, other.arrival) > (trigger.sent_at, trigger.arrival)),"
        " EXISTS (SELECT FROM lead_message AS other WHERE other.lead_id = trigger.lead_id"
        "   AND other.direction = 'outbound' AND (other.sent_at, other.arrival) > (trigger.sent_at, trigger.arrival)"
        "   AND other.draft_id IS DISTINCT FROM draft.id)"
        " FROM draft LEFT JOIN lead_message AS trigger"
        " ON trigger.id = draft.lead_message_id AND trigger.direction = 'inbound' WHERE draft.id = %s",
        (draft_id,),
    )
    if not rows:
        return None
    lead_id, status, job_id, content, drafted_at, *trigger, newer, outbound = rows[0]
    found = Trigger(*trigger) if trigger[0] is not None else None
    return DraftFacts(lead_id, status, job_id, content, drafted_at, found, newer, outbound)
