"""What each reason code of the gate means, in a sentence for an operator. Words only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from messaging.invariants import CRITICAL_INVARIANTS
from messaging.objections import REPLY_RULES

_OF_STATUS: Final = "draft_status_"

#: Every reason code but `draft_status_<status>`.
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "draft_not_found": "There is no such draft.",
        "draft_lead_mismatch": "The draft, or what it answers, belongs to another lead.",
        "trigger_message_not_found": "The lead message that it answers is gone.",
        "newer_inbound_exists": "The lead has written again since: answer that message.",
        "outbound_after_trigger": "The lead has been written to since.",
        "no_campaign": "The lead is in no campaign.",
        "campaign_not_auto_send": "The campaign does not send by itself: `callboard send` does.",
        "client_paused": "The client's kill switch is thrown: `callboard clients resume` takes it back.",
        "lead_opted_out": "The lead asked never to be written to again.",
        "empty_draft": "The draft says nothing.",
        "slot_mismatch": "The draft names a time that nobody offered.",
        "date_mismatch": "The draft settles on a date that nobody named.",
        "fabricated_link": "The draft shows a scheduling link that is not the client's.",
        "non_logistics_reply": "The lead wants to book, and the draft sells instead.",
        "placeholder_left": "The draft holds something that was to be filled in.",
        "invented_price": "The draft names an amount, discount or gift that neither lead nor price list names.",
        "unoffered_commitment": "The draft settles on a time that was neither offered nor the lead's.",
        "opt_out_ignored": "The lead asked never to be written to again, and the draft goes on.",
        "sms_too_long": "The draft does not go into three SMS.",
        "linkedin_too_long": "The draft is longer than a LinkedIn message may be.",
        "markup_in_plain_text": "The draft holds markup, and its channel shows plain text.",
    }
)
assert {*CRITICAL_INVARIANTS, *REPLY_RULES} <= set(REASONS)

_STATUSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "pending": "The draft waits to be sent.",
        "sending": "A job is sending it.",
        "sent": "It was sent before.",
        "refused": "The gate refused it before.",
        "held": "Nobody knows whether it was sent: settle its effect with `callboard dlq settle`.",
        "failed": "Its sending failed.",
    }
)


def meaning(reason: str) -> str:
    """The sentence for a reason code; the code itself for one that is not the gate's."""
    if reason.startswith(_OF_STATUS):
        return _STATUSES.get(reason.removeprefix(_OF_STATUS), reason)
    return REASONS.get(reason, reason)
