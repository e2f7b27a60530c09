"""Conversation sync: a job that rolls one lead's messages up, and then has the lead scored."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from actors.dispatch import Dispatched, Job, dispatch, dispatch_many
from actors.families import score, sync_conversation
from messaging import lead_store
from messaging.conversations import roll_up
from models.database import atomic
from policy.errors import NotFound, Terminal

_SOURCE = "conversations"


def sync(lead_id: str) -> dict[str, Any]:
    """Roll the lead's messages up as they stand now, and dispatch its scoring with them in one transaction.

    Raises Terminal for a lead that is not there or has no messages.
    """
    try:
        found = lead_store.read_lead(UUID(lead_id))
        conversation = roll_up(found.messages, opted_out=found.opted_out)
    except (NotFound, ValueError) as error:
        raise Terminal(str(error)) from error
    with atomic():
        kept = lead_store.keep_conversation(UUID(lead_id), found.client_id, conversation)
        if kept:
            dispatch(
                score,
                lead_id=lead_id,
                dispatch_key=f"score:{lead_id}:{conversation.last_arrival}",
                client_id=found.client_id,
                source=_SOURCE,
            )
    return {"status": conversation.status.value, "messages": len(found.messages), "kept": kept}


def dispatch_syncs(limit: int = 500) -> int:
    """Dispatch a sync for leads whose conversation is behind, once for each thing it is behind of; gives how many."""
    jobs = [
        Job(
            sync_conversation,
            kwargs={"lead_id": str(lead_id)},
            dispatch_key=f"conversation:{lead_id}:{behind}",
            client_id=client_id,
            source=_SOURCE,
        )
        for lead_id, client_id, behind in lead_store.leads_to_sync(limit)
    ]
    return sum(isinstance(answer, Dispatched) for answer in dispatch_many(jobs)) if jobs else 0
