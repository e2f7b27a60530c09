"""What a lead's messages amount to: whose turn it is, how many there were, when the last came and went.

Pure: rows come in, a conversation comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class ConversationStatus(str, Enum):
    """Whose turn it is. `held` is an operator's: a reply whose outcome nobody knows."""

    AWAITING_US = "awaiting_us"
    AWAITING_LEAD = "awaiting_lead"
    NOT_ANSWERED = "not_answered"
    OPTED_OUT = "opted_out"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """One lead message. `never_answer` names why an inbound one gets no reply; `draft_status` is that of its draft.

    `answers` is the arrival of the message that one of ours answers.
    """

    direction: str
    sent_at: datetime
    arrival: int
    never_answer: str | None = None
    draft_status: str | None = None
    answers: int | None = None

    @property
    def order(self) -> tuple[int, int]:
        """By what a thread's messages are ordered, here and by the gate: arrival, a reply right after what it answers.

        What the lead wrote while a reply was on its way comes after it (docs/decisions/0067).
        """
        return (self.arrival if self.answers is None else self.answers, self.arrival)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A lead's messages rolled up, as of the newest arrival."""

    status: ConversationStatus
    inbound: int
    outbound: int
    last_inbound_at: datetime | None
    last_outbound_at: datetime | None
    last_arrival: int


def roll_up(messages: Sequence[MessageFacts], *, opted_out: bool) -> Conversation:
    """The conversation that these messages (at least one, in any order) make. ValueError for none."""
    if not messages:
        raise ValueError("a conversation has at least one message")
    inbound = [one for one in messages if one.direction == "inbound"]
    outbound = [one for one in messages if one.direction == "outbound"]
    return Conversation(
        status=_status(max(messages, key=lambda one: one.order), inbound, opted_out),
        inbound=len(inbound),
        outbound=len(outbound),
        last_inbound_at=max((one.sent_at for one in inbound), default=None),
        last_outbound_at=max((one.sent_at for one in outbound), default=None),
        last_arrival=max(one.arrival for one in messages),
    )


def _status(newest: MessageFacts, inbound: Sequence[MessageFacts], opted_out: bool) -> ConversationStatus:
    if opted_out:
        return ConversationStatus.OPTED_OUT
    if any(one.draft_status == "held" for one in inbound):
        return ConversationStatus.HELD
    if newest.direction == "outbound":
        return ConversationStatus.AWAITING_LEAD
    unanswered = newest.never_answer is not None or newest.draft_status == "refused"
    return ConversationStatus.NOT_ANSWERED if unanswered else ConversationStatus.AWAITING_US
