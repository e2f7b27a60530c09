"""The gate through which every reply goes out: locks, then conditions, then a reason code, a wait, or nothing.

It must not know how a mail is sent. What commits after the intent came too late: the gate runs inside its transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from messaging.draft_store import takeable
from messaging.formats import Channel
from messaging.invariants import DraftContext
from messaging.objections import objections
from messaging.send_time import zone_named
from messaging.sending_limits import Hours, Reply, Wait, note_departure, wait_for
from messaging.store import lock_client, lock_lead
from models.database import query
from policy.errors import NotYet


@dataclass(frozen=True, slots=True)
class Trigger:
    """The inbound lead message that the draft answers."""

    lead_id: UUID
    body: str
    sent_at: datetime
    channel: str = "email"


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """The draft as the gate finds it. `lead_id` is the draft's own; `begun` says that its reply may be on its way."""

    lead_id: UUID
    status: str
    sending_job_id: UUID | None
    content: str
    drafted_at: datetime
    trigger: Trigger | None
    newer_inbound: bool
    outbound_after_trigger: bool
    begun: bool = False


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """The lead with its campaign and client. `auto_sends` is None without a campaign."""

    auto_sends: bool | None
    client_paused: bool
    opted_out: bool
    timezone: str
    scheduling_links: tuple[str, ...]
    hours: Hours = field(default=Hours(None, "UTC"))
    known_prices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate says: a refusal's reason code, or a wait, or neither; then `reply` may be let out."""

    reason: str | None = None
    wait: Wait | None = None
    reply: Reply | None = None


def gate(draft_id: UUID, lead_id: UUID, job_id: UUID, *, part: int = 1, by_hand: bool = False) -> str | None:
    """Why this draft must not go to this lead now, or None: then nothing that it asks about can change before commit.

    To be called in the transaction that commits the intent; takes the client's row (shared), then the lead's.
    Later parts of a reply that has begun to go out ask for kill switch and opt-out only. `by_hand`: a person asked for
    it. Raises NotYet outside the sending hours and over the rate, so that nothing is intended, and Terminal for hours
    that cannot be read.
    """
    judged = judge(draft_id, lead_id, job_id, part=part, by_hand=by_hand)
    if judged.wait is not None:
        raise NotYet(judged.wait.why, run_at=judged.wait.until)
    if judged.reply is not None:
        note_departure(judged.reply)
    return judged.reason


def judge(draft_id: UUID, lead_id: UUID, job_id: UUID | None, *, part: int = 1, by_hand: bool = False) -> Judgement:
    """What the gate says, under its locks, and nothing written. Without a job it judges for one that is yet to be."""
    client_id = _client_of(lead_id)
    if client_id is None:
        return Judgement("draft_lead_mismatch")
    lock_client(client_id)
    lock_lead(lead_id)
    # Only a statement that begins under the locks sees what was committed while they were waited for.
    lead = _read_lead(lead_id)
    if part > 1:
        return Judgement(_switch_refusal(lead))
    draft = _read_draft(draft_id)
    reason = refusal(draft, lead, lead_id, job_id, by_hand=by_hand)
    if reason is not None or (draft is not None and draft.begun):
        # What may be on its way already was let out at its time: to make it wait would only leave its outcome open.
        return Judgement(reason)
    reply = Reply(draft_id, lead_id, client_id)
    wait = wait_for(reply, lead.hours)
    return Judgement(wait=wait) if wait is not None else Judgement(reply=reply)


def refusal(
    draft: DraftFacts | None, lead: LeadFacts, lead_id: UUID, job_id: UUID | None, *, by_hand: bool = False
) -> str | None:
    """The first condition that does not hold, by its reason code; None when all do.

    By hand, a draft that was refused or has failed is judged anew, and the campaign need not send by itself.
    """
    if draft is None:
        return "draft_not_found"
    return (
        _draft_refusal(draft, lead_id, job_id, by_hand=by_hand)
        or _thread_refusal(draft)
        or _sender_refusal(draft, lead, by_hand=by_hand)
    )


def _draft_refusal(draft: DraftFacts, lead_id: UUID, job_id: UUID | None, *, by_hand: bool) -> str | None:
    if draft.lead_id != lead_id or (draft.trigger is not None and draft.trigger.lead_id != lead_id):
        return "draft_lead_mismatch"
    its_own = draft.status == "sending" and draft.sending_job_id == job_id
    return None if its_own or draft.status in takeable(by_hand=by_hand) else f"draft_status_{draft.status}"


def _thread_refusal(draft: DraftFacts) -> str | None:
    if draft.trigger is None:
        return "trigger_message_not_found"
    if draft.newer_inbound:
        return "newer_inbound_exists"
    return "outbound_after_trigger" if draft.outbound_after_trigger else None


def _sender_refusal(draft: DraftFacts, lead: LeadFacts, *, by_hand: bool) -> str | None:
    if lead.auto_sends is None:
        return "no_campaign"
    if not lead.auto_sends and not by_hand:
        return "campaign_not_auto_send"
    return _switch_refusal(lead) or _objection(draft, lead)


def _switch_refusal(lead: LeadFacts) -> str | None:
    if lead.client_paused:
        return "client_paused"
    return "lead_opted_out" if lead.opted_out else None


def _objection(draft: DraftFacts, lead: LeadFacts) -> str | None:
    if draft.trigger is None:
        return None
    zone = zone_named(lead.timezone)
    context = DraftContext(
        inbound_text=draft.trigger.body,
        inbound_sent_at=draft.trigger.sent_at,
        zone=zone,
        known_links=lead.scheduling_links,
        drafted_on=draft.drafted_at.astimezone(zone).date(),
        known_prices=lead.known_prices,
        channel=Channel(draft.trigger.channel),
    )
    broken = objections(draft.content, context)
    return broken[0].name if broken else None


def _client_of(lead_id: UUID) -> str | None:
    rows = query("SELECT client_id FROM lead WHERE id = %s", (lead_id,))
    return rows[0][0] if rows else None


def _read_lead(lead_id: UUID) -> LeadFacts:
    row = query(
        "SELECT campaign.auto_send, client.paused_at IS NOT NULL, lead.opted_out_at IS NOT NULL, client.timezone,"
        " client.scheduling_links, coalesce(campaign.sending_hours, client.sending_hours),"
        " coalesce(campaign.timezone, client.timezone), client.known_prices"
        " FROM lead JOIN client ON client.id = lead.client_id"
        " LEFT JOIN campaign ON campaign.id = lead.campaign_id WHERE lead.id = %s",
        (lead_id,),
    )[0]
    return LeadFacts(row[0], row[1], row[2], row[3], tuple(row[4]), Hours(row[5], row[6]), tuple(row[7]))


def _read_draft(draft_id: UUID) -> DraftFacts | None:
    # By arrival, never by a date: the sender's clock writes that. A reply stands where the message stands that it
    # answers, for it is recorded late, maybe after what the lead wrote meanwhile (docs/decisions/0067).
    rows = query(
        "SELECT draft.lead_id, draft.status, draft.sending_job_id, draft.content, draft.created_at,"
        " trigger.lead_id, trigger.body, trigger.sent_at, trigger.channel,"
        " EXISTS (SELECT FROM lead_message AS other WHERE other.lead_id = trigger.lead_id"
        "   AND other.direction = 'inbound' AND other.arrival > trigger.arrival),"
        " EXISTS (SELECT FROM lead_message AS other LEFT JOIN draft AS its ON its.id = other.draft_id"
        "   LEFT JOIN lead_message AS answered ON answered.id = its.lead_message_id"
        "   WHERE other.lead_id = trigger.lead_id AND other.direction = 'outbound'"
        "   AND coalesce(answered.arrival, other.arrival) > trigger.arrival"
        "   AND other.draft_id IS DISTINCT FROM draft.id),"
        " EXISTS (SELECT FROM side_effect AS effect"
        "   WHERE effect.effect_key = 'reply:' || draft.lead_message_id || ':1' AND effect.state = 'INTENDED')"
        " FROM draft LEFT JOIN lead_message AS trigger"
        " ON trigger.id = draft.lead_message_id AND trigger.direction = 'inbound' WHERE draft.id = %s",
        (draft_id,),
    )
    if not rows:
        return None
    lead_id, status, job_id, content, drafted_at, *trigger, newer, outbound, begun = rows[0]
    found = Trigger(*trigger) if trigger[0] is not None else None
    return DraftFacts(lead_id, status, job_id, content, drafted_at, found, newer, outbound, begun)
