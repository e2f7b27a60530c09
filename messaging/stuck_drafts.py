"""Drafts that stay in `sending` although no job will go on with them: settled by their effect, never resent.

It must not know how a mail is sent. What the effect's row says is all that is known, and it is enough.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from messaging.draft_store import SentMail, read_outgoing, record_sent
from models.database import query
from models.ledger.effects import settle
from policy.keys import internet_message_id, reply_effect_key
from policy.states import EffectState
from policy.texts import cap_text

#: Seconds after which a draft that is still being sent is looked at (issue 3: ten minutes).
STUCK_S = 600.0
#: Drafts settled in one go; the next window goes on.
_AT_ONCE = 200
#: Bytes of a refusal's reason that a row keeps.
_REASON_BYTES = 200


class Fate(str, Enum):
    """What becomes of a draft whose sending is over."""

    SENT = "sent"
    REFUSED = "refused"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StuckDraft:
    """A draft in `sending` whose job is over, and its effect, if one was ever intended."""

    draft_id: UUID
    job_id: UUID
    lead_message_id: UUID
    sending_at: datetime
    effect: EffectState | None
    intent: int | None
    refusal: str | None
    result: Any


def fate_of(effect: EffectState | None) -> Fate:
    """By its effect: an open or unknown one is held for an operator; none, or a failed one, means that nothing went."""
    if effect is EffectState.CONFIRMED:
        return Fate.SENT
    if effect is EffectState.REFUSED:
        return Fate.REFUSED
    return Fate.HELD if effect in (EffectState.INTENDED, EffectState.UNKNOWN) else Fate.FAILED


def settle_stuck_drafts(*, stuck_s: float = STUCK_S) -> dict[str, int]:
    """Settle the drafts that have been `sending` for `stuck_s` and whose job is over; gives how many, by fate."""
    counts: Counter[str] = Counter()
    for draft in _stuck_drafts(stuck_s):
        fate = fate_of(draft.effect)
        if _settle(draft, fate):
            counts[fate.value] += 1
    return dict(counts)


def _settle(draft: StuckDraft, fate: Fate) -> bool:
    if fate is Fate.SENT:
        outgoing = read_outgoing(draft.draft_id)
        record_sent(outgoing, _sent_mail(draft, outgoing.sender_address))
        return True
    if draft.effect is EffectState.INTENDED and draft.intent is not None:
        # Nobody is left who could say how it ended: an operator finds out, and until then nothing is requeued.
        key = reply_effect_key(draft.lead_message_id, 1)
        if settle(key, draft.intent, EffectState.UNKNOWN, None) is None:
            return False
    refusal = cap_text(draft.refusal or "", _REASON_BYTES) if fate is Fate.REFUSED else None
    rows = query(
        "UPDATE draft SET status = %s, refusal = %s, updated_at = clock_timestamp()"
        " WHERE id = %s AND status = 'sending' AND sending_job_id = %s AND sending_at = %s RETURNING id",
        (fate.value, refusal, draft.draft_id, draft.job_id, draft.sending_at),
    )
    return bool(rows)


def _sent_mail(draft: StuckDraft, sender: str) -> SentMail:
    """What the effect remembers; an outcome that an operator settled has nothing but the id derived from its key."""
    if isinstance(draft.result, dict) and {"message_id", "sent_at"} <= draft.result.keys():
        return SentMail(str(draft.result["message_id"]), datetime.fromisoformat(draft.result["sent_at"]))
    key = reply_effect_key(draft.lead_message_id, 1)
    return SentMail(internet_message_id(key, sender.rpartition("@")[2]), draft.sending_at)


def _stuck_drafts(stuck_s: float) -> list[StuckDraft]:
    rows = query(
        "SELECT draft.id, draft.sending_job_id, draft.lead_message_id, draft.sending_at, effect.state, effect.intents,"
        " effect.refusal, effect.result"
        " FROM draft LEFT JOIN side_effect AS effect ON effect.effect_key = 'reply:' || draft.lead_message_id || ':1'"
        " WHERE draft.status = 'sending' AND draft.sending_at < now() - make_interval(secs => %s)"
        " AND NOT EXISTS (SELECT FROM background_job AS job WHERE job.id = draft.sending_job_id"
        "   AND job.state IN ('pending', 'queued', 'running'))"
        " ORDER BY draft.sending_at LIMIT %s",
        (stuck_s, _AT_ONCE),
    )
    return [
        StuckDraft(row[0], row[1], row[2], row[3], EffectState(row[4]) if row[4] else None, row[5], row[6], row[7])
        for row in rows
    ]
