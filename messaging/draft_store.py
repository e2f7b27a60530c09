"""Rows of drafts and of what was sent: every write of a draft's life, each with its former status in the WHERE.

It must not know how a draft is written, judged or sent. pending → sending (one job) → sent, refused or held; back to
pending where it is not yet time; and from refused or failed to sending again if a person asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from messaging.drafts import DraftText
from messaging.sending_limits import Hours, allowed_at
from messaging.store import lock_client, lock_lead
from models.database import atomic, query
from policy.errors import NotFound
from policy.texts import cap_text

#: Under this namespace lie the ids of outbound lead messages, by their drafts. Never change it.
_NAMESPACE = UUID("5c1e6a0d-6d0b-5c1f-8a55-2d9f0e7b4c31")
#: Bytes of a refusal's reason that a row keeps.
_REASON_BYTES = 200


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """An inbound lead message with what answering it takes. Without a campaign there is no delay and no signature."""

    id: UUID
    lead_id: UUID
    client_id: str
    client_name: str
    never_answer: str | None
    subject: str
    body: str
    sent_at: datetime
    lead_name: str
    timezone: str
    scheduling_links: tuple[str, ...]
    signature: str
    delay_min_s: int
    delay_max_s: int
    now: datetime
    channel: str
    known_prices: tuple[str, ...]
    #: Whether anything has gone out to this lead.
    written_before: bool = False


@dataclass(frozen=True, slots=True)
class KeptDraft:
    """The one draft that answers a lead message, as it stands."""

    id: UUID
    status: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A draft with what sending it takes, on the channel of the lead message that it answers.

    `reference_ids` name a mail's thread, oldest first, the answered mail last; `trigger_identity`, `trigger_recipient`
    and `thread` are what a provider calls the answered message, the address it came to, and the conversation. `parts`
    are the texts that go out, in order; the content alone until they have been fixed.
    """

    draft_id: UUID
    status: str
    lead_id: UUID
    lead_message_id: UUID
    client_id: str
    sender_name: str
    sender_address: str
    recipient_name: str
    recipient_address: str
    subject: str
    content: str
    in_reply_to: str | None
    reference_ids: tuple[str, ...]
    channel: str
    trigger_identity: str | None
    trigger_recipient: str | None
    thread: str | None
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentMail:
    """What went out, a mail or one part of another reply, as the effect's result remembers it.

    `identity` is a mail's Message-ID, or the channel and the provider's name for the message.
    """

    identity: str
    sent_at: datetime


def read_inbound(lead_message_id: UUID) -> InboundMessage:
    """The inbound lead message. Raises NotFound."""
    rows = query(
        "SELECT m.id, m.lead_id, lead.client_id, client.name, m.never_answer, m.subject, m.body, m.sent_at, lead.name,"
        " client.timezone, client.scheduling_links, coalesce(campaign.signature, ''),"
        " coalesce(campaign.delay_min_s, 0), coalesce(campaign.delay_max_s, 0), clock_timestamp(), m.channel,"
        " client.known_prices,"
        " EXISTS (SELECT FROM lead_message AS ours WHERE ours.lead_id = m.lead_id AND ours.direction = 'outbound')"
        " FROM lead_message AS m JOIN lead ON lead.id = m.lead_id JOIN client ON client.id = lead.client_id"
        " LEFT JOIN campaign ON campaign.id = lead.campaign_id WHERE m.id = %s AND m.direction = 'inbound'",
        (lead_message_id,),
    )
    if not rows:
        raise NotFound(f"no inbound lead message {lead_message_id}")
    values = list(rows[0])
    values[10], values[16] = tuple(values[10]), tuple(values[16])
    return InboundMessage(*values)


def keep_draft(message: InboundMessage, draft: DraftText, *, revision: int = 1) -> KeptDraft:
    """Store the draft unless the lead message has one already; gives the one it has."""
    query(
        "INSERT INTO draft (id, lead_id, lead_message_id, subject, content, prompt_key, model, inputs_digest, revision)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (lead_message_id) DO NOTHING",
        (
            uuid4(),
            message.lead_id,
            message.id,
            draft.subject,
            draft.body,
            draft.prompt_key,
            draft.model,
            draft.inputs_digest,
            revision,
        ),
    )
    return KeptDraft(*query("SELECT id, status FROM draft WHERE lead_message_id = %s", (message.id,))[0])


def find_draft(lead_message_id: UUID) -> KeptDraft | None:
    """The draft that answers this lead message, if one was written."""
    rows = query("SELECT id, status FROM draft WHERE lead_message_id = %s", (lead_message_id,))
    return KeptDraft(*rows[0]) if rows else None


def mark_processed(lead_message_id: UUID, *, never_answer: str | None = None) -> None:
    """Say that the inbound job has done its part, and why it left the message unanswered; the first time is kept."""
    query(
        "UPDATE lead_message SET processed_at = clock_timestamp(), never_answer = coalesce(never_answer, %s)"
        " WHERE id = %s AND processed_at IS NULL",
        (never_answer, lead_message_id),
    )


def read_outgoing(draft_id: UUID) -> Outgoing:
    """The draft as it goes out. Raises NotFound."""
    rows = query(
        "SELECT draft.id, draft.status, draft.lead_id, draft.lead_message_id, client.id, client.name,"
        " client.sender_address, lead.name, lead.address, draft.subject, draft.content, trigger.internet_message_id,"
        " trigger.reference_ids, coalesce(trigger.channel, 'email'), trigger.identity, trigger.recipient,"
        " trigger.thread, coalesce(draft.parts, ARRAY[draft.content])"
        " FROM draft JOIN lead ON lead.id = draft.lead_id JOIN client ON client.id = lead.client_id"
        " LEFT JOIN lead_message AS trigger ON trigger.id = draft.lead_message_id WHERE draft.id = %s",
        (draft_id,),
    )
    if not rows:
        raise NotFound(f"no draft {draft_id}")
    values = list(rows[0])
    values[12] = _references(values[12], values[11])
    values[17] = tuple(values[17])
    return Outgoing(*values)


def fix_parts(draft_id: UUID, job_id: UUID, parts: Sequence[str]) -> bool:
    """Say in which parts this job sends its draft, unless that was said before: then it stays, and False."""
    rows = query(
        "UPDATE draft SET parts = %s WHERE id = %s AND parts IS NULL AND status = 'sending' AND sending_job_id = %s"
        " RETURNING id",
        (list(parts), draft_id, job_id),
    )
    return bool(rows)


def takeable(*, by_hand: bool) -> tuple[str, ...]:
    """The statuses from which a job may take a draft up. A person may have one judged anew that has not gone out."""
    return ("pending", "refused", "failed") if by_hand else ("pending",)


def take_for_sending(draft_id: UUID, job_id: UUID, *, by_hand: bool = False) -> bool:
    """Make the draft this job's to send; False when it is past that, or another job's.

    A job that held it before takes it up again: it runs anew only once its effect has been settled. Where no part can
    have gone out, its parts are fixed anew.
    """
    rows = query(
        "UPDATE draft SET status = 'sending', refusal = NULL, sending_job_id = %s, sending_at = clock_timestamp(),"
        " updated_at = clock_timestamp(), parts = CASE WHEN EXISTS (SELECT FROM side_effect AS effect"
        "   WHERE effect.effect_key = 'reply:' || draft.lead_message_id || ':1'"
        "   AND effect.state IN ('INTENDED', 'CONFIRMED', 'UNKNOWN')) THEN parts END WHERE id = %s"
        " AND (status = ANY (%s) OR (status IN ('sending', 'held', 'failed') AND sending_job_id = %s)) RETURNING id",
        (job_id, draft_id, list(takeable(by_hand=by_hand)), job_id),
    )
    return bool(rows)


def put_back(draft_id: UUID, job_id: UUID) -> bool:
    """Have the draft wait again: it is not yet time. False if it is not this job's.

    Only where nothing was intended; meanwhile it is anybody's, a person's too.
    """
    rows = query(
        "UPDATE draft SET status = 'pending', sending_job_id = NULL, sending_at = NULL, updated_at = clock_timestamp()"
        " WHERE id = %s AND status = 'sending' AND sending_job_id = %s RETURNING id",
        (draft_id, job_id),
    )
    return bool(rows)


def refuse_draft(draft_id: UUID, job_id: UUID, reason: str) -> bool:
    """Close the draft as refused, if it waits or is this job's; False when nothing moved."""
    rows = query(
        "UPDATE draft SET status = 'refused', refusal = %s, updated_at = clock_timestamp() WHERE id = %s"
        " AND (status = 'pending' OR (status = 'sending' AND sending_job_id = %s)) RETURNING id",
        (cap_text(reason, _REASON_BYTES), draft_id, job_id),
    )
    return bool(rows)


def hold_draft(draft_id: UUID, job_id: UUID) -> bool:
    """Nobody can know whether it was sent: held for an operator, if it is this job's; False when nothing moved."""
    rows = query(
        "UPDATE draft SET status = 'held', updated_at = clock_timestamp() WHERE id = %s"
        " AND status = 'sending' AND sending_job_id = %s RETURNING id",
        (draft_id, job_id),
    )
    return bool(rows)


def record_sent(outgoing: Outgoing, sent: SentMail, part: int = 1) -> float | None:
    """Write down that a part of the draft went out: an outbound lead message; with the last part the draft is sent.

    Parts go out in their order, so the last says that all did. It is a fact, so it is taken whatever the draft's status
    was; repeating it changes nothing and gives None. The last part gives, the first time, by how many s it was late.
    """
    with atomic():
        lock_client(outgoing.client_id)
        lock_lead(outgoing.lead_id)
        first = query(
            "INSERT INTO lead_message (id, lead_id, direction, channel, identity, internet_message_id, in_reply_to,"
            " reference_ids, subject, body, draft_id, sent_at, thread)"
            " VALUES (%s, %s, 'outbound', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
            (
                uuid5(_NAMESPACE, str(outgoing.draft_id) if part == 1 else f"{outgoing.draft_id}:{part}"),
                outgoing.lead_id,
                outgoing.channel,
                sent.identity,
                sent.identity if outgoing.channel == "email" else None,
                outgoing.in_reply_to,
                " ".join(outgoing.reference_ids),
                outgoing.subject,
                outgoing.parts[part - 1],
                outgoing.draft_id,
                sent.sent_at,
                outgoing.thread,
            ),
        )
        if part < len(outgoing.parts):
            return None
        query(
            "UPDATE draft SET status = 'sent', refusal = NULL, updated_at = clock_timestamp()"
            " WHERE id = %s AND status <> 'sent'",
            (outgoing.draft_id,),
        )
    return _lateness_s(outgoing.lead_message_id, sent.sent_at) if first else None


def _lateness_s(lead_message_id: UUID, sent_at: datetime) -> float | None:
    """How late the answer went, counted from intake, the campaign's longest delay and then the next open hour."""
    rows = query(
        "SELECT answered.created_at + make_interval(secs => coalesce(campaign.delay_max_s, 0)),"
        " coalesce(campaign.sending_hours, client.sending_hours), coalesce(campaign.timezone, client.timezone)"
        " FROM lead_message AS answered JOIN lead ON lead.id = answered.lead_id"
        " JOIN client ON client.id = lead.client_id LEFT JOIN campaign ON campaign.id = lead.campaign_id"
        " WHERE answered.id = %s",
        (lead_message_id,),
    )
    if not rows:
        return None
    delayed_until, hours, zone = rows[0]
    return (sent_at - allowed_at(delayed_until, Hours(hours, zone))).total_seconds()


def _references(reference_ids: str | None, answered: str | None) -> tuple[str, ...]:
    ids: Sequence[str] = (reference_ids or "").split()
    return (*(one for one in ids if one != answered), *([answered] if answered else []))
