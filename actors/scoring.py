"""Lead scoring: a job that scores one lead by the stated rules and keeps the score with its reasons."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from messaging import lead_store
from messaging.scoring import RULES_VERSION, LeadFacts, score_lead
from policy.errors import NotFound, Terminal


def score_anew(lead_id: str) -> dict[str, Any]:
    """Score the lead as its messages stand now. Raises Terminal for a lead that is not there."""
    try:
        found = lead_store.read_lead(UUID(lead_id))
    except (NotFound, ValueError) as error:
        raise Terminal(str(error)) from error
    inbound = [one for one in found.messages if one.direction == "inbound"]
    result = score_lead(
        LeadFacts(
            inbound_texts=found.texts,
            last_inbound_at=max((one.sent_at for one in inbound), default=None),
            outbound=len(found.messages) - len(inbound),
            opted_out=found.opted_out,
            automatic=bool(inbound) and inbound[-1].never_answer is not None,
            now=found.now,
        )
    )
    arrival = max((one.arrival for one in found.messages), default=0)
    kept = lead_store.keep_score(UUID(lead_id), found.client_id, result, rules=RULES_VERSION, last_arrival=arrival)
    return {"score": result.score, "reasons": dict(result.reasons), "kept": kept}
