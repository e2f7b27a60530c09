"""Rows of a correspondence for tests: a client, a lead, what it wrote, and a draft that answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

from messaging.draft_store import Outgoing, SentMail, keep_draft, read_inbound, read_outgoing
from messaging.drafts import DraftText
from messaging.inbox import InboundMail, parse_mail
from messaging.mail_store import store_mails
from messaging.store import make_campaign, make_client
from models.database import query

CLIENT = "acme"
SENDER = "replies@acme.example"
LEAD = "lead@prospect.example"
#: When the first mail of a correspondence was written.
BEGAN = datetime(2026, 3, 2, 10, 0, tzinfo=timezone.utc)


def mail(number: int, *, sender: str = LEAD, headers: Sequence[str] = (), date: datetime | None = None) -> InboundMail:
    """The lead's mail of that number: each an hour after the one before, each with a Message-ID of its own."""
    at = date or BEGAN + timedelta(hours=number)
    lines = [
        f"From: Lea Lead <{sender}>",
        f"To: {SENDER}",
        f"Subject: Question {number}",
        f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000",
        f"Message-ID: <{number}.{sender}>",
        *headers,
    ]
    return parse_mail("\r\n".join([*lines, "", f"This is question {number}.", ""]).encode())


@dataclass(frozen=True, slots=True)
class Correspondence:
    """A client with a campaign that sends at once, and one lead whose first mail has a draft."""

    campaign_id: UUID
    lead_id: UUID
    lead_message_id: UUID
    draft_id: UUID

    def receive(self, *mails: InboundMail) -> list[UUID]:
        """Further mail; gives the lead messages' ids."""
        return [one.lead_message_id for one in store_mails(CLIENT, self.campaign_id, mails)]

    def draft_for(self, lead_message_id: UUID, text: str = "Thank you for your message.") -> UUID:
        """A draft that answers a lead message."""
        draft = DraftText(subject="Re: Question", body=text, prompt_key="test", model="test", inputs_digest="0")
        return keep_draft(read_inbound(lead_message_id), draft).id

    def outgoing(self) -> Outgoing:
        """The first draft as a mail."""
        return read_outgoing(self.draft_id)


def begin() -> Correspondence:
    """The rows of a correspondence whose first mail waits for its answer."""
    make_client(CLIENT, name="Acme", sender_address=SENDER)
    campaign_id = make_campaign(CLIENT, "default", auto_send=True)
    stored = store_mails(CLIENT, campaign_id, [mail(1)])[0]
    fresh = Correspondence(campaign_id, stored.lead_id, stored.lead_message_id, stored.lead_message_id)
    return Correspondence(campaign_id, stored.lead_id, stored.lead_message_id, fresh.draft_for(stored.lead_message_id))


def sent_mail(number: int = 1, at: datetime | None = None) -> SentMail:
    """What the effect of a sent mail remembers."""
    return SentMail(f"<sent-{number}@acme.example>", at or BEGAN + timedelta(days=number))


def draft_row(draft_id: UUID) -> tuple[str, str | None]:
    """A draft's status and refusal."""
    row = query("SELECT status, refusal FROM draft WHERE id = %s", (draft_id,))[0]
    return row[0], row[1]
