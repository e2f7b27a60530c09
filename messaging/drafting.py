"""The road from a lead message to a written reply, without effects: draft, objections, written anew if need be.

The inbound actor and the replay harness both take it. It writes no row, dispatches nothing and sends nothing; what it
objects to, the gate refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from messaging.draft_store import InboundMessage
from messaging.drafts import Drafter, DraftRequest, DraftText
from messaging.formats import Channel, shaped
from messaging.invariants import DraftContext, Violation
from messaging.objections import objections
from messaging.send_time import zone_named

#: How often a reply is written at most, the first time counted: a model that was told twice what is wrong with it
#: does not learn it the third time, and every time costs.
REVISIONS_MAX = 3


@dataclass(frozen=True, slots=True)
class WrittenReply:
    """A draft with what stands against it (nothing, if all is well). `revision` counts how often it was written."""

    draft: DraftText
    request: DraftRequest
    objections: tuple[Violation, ...]
    revision: int


def write_reply(
    message: InboundMessage,
    drafter: Drafter,
    *,
    offered_slots: Sequence[datetime] = (),
    as_of: datetime | None = None,
) -> WrittenReply:
    """The reply to a stored lead message as it would be sent, from the drafter in force (`drafters.drafter_for`).

    `as_of` is the time of writing: `message.now` unless given; a replay gives the lead message's own. Raises what the
    drafter raises.
    """
    request = request_for(message, offered_slots)
    context = context_for(request, as_of or message.now)
    written = _judged(drafter, request, context, 1)
    while written.objections and may_be_redrafted(written.revision):
        told = replace(request, objections=tuple(_told(each) for each in written.objections))
        again = _judged(drafter, told, context, written.revision + 1)
        if again.draft.body == written.draft.body:
            break
        written = again
    return written


def may_be_redrafted(revision: int) -> bool:
    """Whether a reply that was written `revision` times may be written once more."""
    return revision < REVISIONS_MAX


def request_for(message: InboundMessage, offered_slots: Sequence[datetime] = ()) -> DraftRequest:
    """What a drafter is told of a stored lead message."""
    return DraftRequest(
        inbound_text=message.body,
        inbound_subject=message.subject,
        inbound_sent_at=message.sent_at,
        lead_name=message.lead_name,
        client_name=message.client_name,
        zone=zone_named(message.timezone),
        offered_slots=offered_slots,
        known_links=message.scheduling_links,
        signature=message.signature,
        channel=message.channel,
        known_prices=message.known_prices,
    )


def context_for(request: DraftRequest, as_of: datetime) -> DraftContext:
    """What the written reply is judged by."""
    return DraftContext(
        inbound_text=request.inbound_text,
        inbound_sent_at=request.inbound_sent_at,
        offered_slots=tuple(request.offered_slots),
        zone=request.zone,
        known_links=tuple(request.known_links),
        drafted_on=as_of.astimezone(request.zone).date(),
        known_prices=tuple(request.known_prices),
        channel=Channel(request.channel),
    )


def _judged(drafter: Drafter, request: DraftRequest, context: DraftContext, revision: int) -> WrittenReply:
    draft = _shaped(drafter.draft(request), Channel(request.channel))
    return WrittenReply(draft, request, tuple(objections(draft.body, context)), revision)


def _shaped(draft: DraftText, channel: Channel) -> DraftText:
    """The reply as its channel writes it; only a mail has a subject."""
    subject = draft.subject if channel is Channel.EMAIL else ""
    return replace(draft, subject=subject, body=shaped(channel, draft.body))


def _told(objection: Violation) -> str:
    return f"{objection.name}: {objection.evidence}" if objection.evidence else objection.name
