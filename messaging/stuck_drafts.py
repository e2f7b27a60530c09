"""Drafts that stay in `sending` although no job will go on with them: settled by their effects, never resent.

It must not know how a reply is sent. What the rows of its parts' effects say is all that is known, and it is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from messaging.draft_store import read_outgoing, record_sent
from messaging.transport import sent_part
from models.database import query
from models.ledger.effects import settle
from policy.keys import reply_effect_key
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
class PartEffect:
    """The effect of one part, if it was ever intended. `intent` is the effect's own fence."""

    part: int
    state: EffectState | None
    intent: int | None
    refusal: str | None
    result: Any


@dataclass(frozen=True, slots=True)
class StuckDraft:
    """A draft in `sending` whose job is over, with what is known of each of its parts, in order."""

    draft_id: UUID
    job_id: UUID
    lead_message_id: UUID
    sending_at: datetime
    parts: tuple[PartEffect, ...]


def fate_of(effects: Sequence[EffectState | None]) -> Fate:
    """By the effects of all parts: sent when every one is confirmed; held for an operator when one is open or unknown.

    Of the rest, refused if a part was refused, and else failed: nothing more has gone out, though parts before it may.
    """
    if all(effect is EffectState.CONFIRMED for effect in effects):
        return Fate.SENT
    if any(effect in (EffectState.INTENDED, EffectState.UNKNOWN) for effect in effects):
        return Fate.HELD
    return Fate.REFUSED if EffectState.REFUSED in effects else Fate.FAILED


def settle_stuck_drafts(*, stuck_s: float = STUCK_S) -> dict[str, int]:
    """Settle the drafts that have been `sending` for `stuck_s` and whose job is over; gives how many, by fate."""
    counts: Counter[str] = Counter()
    for draft in _stuck_drafts(stuck_s):
        fate = fate_of([part.state for part in draft.parts])
        if _settle(draft, fate):
            counts[fate.value] += 1
    return dict(counts)


def _settle(draft: StuckDraft, fate: Fate) -> bool:
    _record_confirmed(draft)
    if fate is Fate.SENT:
        return True
    for part in draft.parts:
        if part.state is EffectState.INTENDED and part.intent is not None:
            # Nobody is left who could say how it ended: an operator finds out, and until then nothing is requeued.
            key = reply_effect_key(draft.lead_message_id, part.part)
            if settle(key, part.intent, EffectState.UNKNOWN, None) is None:
                return False
    reason = next((part.refusal for part in draft.parts if part.refusal), "")
    rows = query(
        "UPDATE draft SET status = %s, refusal = %s, updated_at = clock_timestamp()"
        " WHERE id = %s AND status = 'sending' AND sending_job_id = %s AND sending_at = %s RETURNING id",
        (
            fate.value,
            cap_text(reason, _REASON_BYTES) if fate is Fate.REFUSED else None,
            draft.draft_id,
            draft.job_id,
            draft.sending_at,
        ),
    )
    return bool(rows)


def _record_confirmed(draft: StuckDraft) -> None:
    """Write down the parts that went out, in their order: they did, whatever becomes of the rest."""
    confirmed = [part for part in draft.parts if part.state is EffectState.CONFIRMED]
    outgoing = read_outgoing(draft.draft_id) if confirmed else None
    for part in confirmed:
        assert outgoing is not None
        key = reply_effect_key(draft.lead_message_id, part.part)
        record_sent(outgoing, sent_part(outgoing, key, part.result, draft.sending_at), part.part)


def _stuck_drafts(stuck_s: float) -> list[StuckDraft]:
    rows = query(
        "SELECT draft.id, draft.sending_job_id, draft.lead_message_id, draft.sending_at, known.parts"
        " FROM (SELECT * FROM draft WHERE status = 'sending' AND sending_at < now() - make_interval(secs => %s)"
        "   AND NOT EXISTS (SELECT FROM background_job AS job WHERE job.id = draft.sending_job_id"
        "     AND job.state IN ('pending', 'queued', 'running')) ORDER BY sending_at LIMIT %s) AS draft"
        " CROSS JOIN LATERAL (SELECT jsonb_agg(jsonb_build_array(part, effect.state, effect.intents, effect.refusal,"
        "   effect.result) ORDER BY part) AS parts"
        "   FROM generate_series(1, coalesce(cardinality(draft.parts), 1)) AS part LEFT JOIN side_effect AS effect"
        "   ON effect.effect_key = 'reply:' || draft.lead_message_id || ':' || part) AS known"
        " ORDER BY draft.sending_at",
        (stuck_s, _AT_ONCE),
    )
    return [StuckDraft(row[0], row[1], row[2], row[3], tuple(_part(*one) for one in row[4])) for row in rows]


def _part(part: int, state: str | None, intent: int | None, refusal: str | None, result: Any) -> PartEffect:
    return PartEffect(part, EffectState(state) if state else None, intent, refusal, result)
