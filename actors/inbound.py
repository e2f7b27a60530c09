"""Mail, SMS and LinkedIn messages in: stored with their jobs in one transaction; each job drafts one reply, to be sent.

It must not know SQL, how a channel is spoken to or how a reply is worded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2

from actors.dispatch import Dispatched, Job, dispatch, dispatch_many
from actors.families import auto_send, inbound_post_process
from messaging import draft_store, mail_store
from messaging.drafters import drafter_for
from messaging.drafting import WrittenReply, write_reply
from messaging.never_answer import away_again
from messaging.send_time import send_at
from middleware import metrics
from middleware.configuration import settings_in_force
from middleware.logs import event
from models.database import after_commit, atomic
from models.ledger.dispatch import Blocked, count_duplicates
from policy.errors import NotFound, Terminal

#: What an actor's result says of a draft that was written.
_DRAFTED = "drafted"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What came of one ingest: the distinct lead messages, how many were new or known, jobs dispatched."""

    lead_message_ids: tuple[UUID, ...]
    new: int
    known: int
    dispatched: int


def inbound_key(lead_message_id: UUID) -> str:
    """The dispatch key of the job that answers a lead message."""
    return f"inbound:{lead_message_id}"


def take_in(client_id: str, campaign_id: UUID, mails: Sequence[mail_store.Inbound]) -> TakenIn:
    """Store these mails and messages and dispatch their jobs, all or nothing: none is answered before its newer sibling
    is stored.

    Safe to repeat and to run many times at once: what was stored stays, and a lead message that has had its job is
    not dispatched again, even when the job's row is long gone. Raises NotFound for an unknown client.
    """
    with atomic():
        stored = mail_store.store_mails(client_id, campaign_id, mails)
        handled = mail_store.handled({one.lead_message_id for one in stored})
        wanted = [one for one in stored if one.lead_message_id not in handled]
        answers = dispatch_many([_job(client_id, one) for one in wanted])
        mail_store.note_jobs(
            {
                one.lead_message_id: UUID(answer.job_id)
                for one, answer in zip(wanted, answers, strict=True)
                if isinstance(answer, Dispatched)
            }
        )
        repeated = [handled[one.lead_message_id] for one in stored if one.lead_message_id in handled]
        after_commit(lambda: _count_repeated(repeated))
    new = sum(one.new for one in stored)
    return TakenIn(
        lead_message_ids=tuple(dict.fromkeys(one.lead_message_id for one in stored)),
        new=new,
        known=len(stored) - new,
        dispatched=sum(isinstance(answer, Dispatched) for answer in answers),
    )


def answer(lead_message_id: str) -> dict[str, Any]:
    """Draft the reply to a lead message once, and dispatch its sending; mail that is never answered gets none.

    Raises Terminal for a lead message that is not there.
    """
    try:
        message = draft_store.read_inbound(UUID(lead_message_id))
    except (NotFound, ValueError) as error:
        raise Terminal(str(error)) from error
    reason = message.never_answer or away_again(message.body, message.subject, written_before=message.written_before)
    if reason is not None:
        draft_store.mark_processed(message.id, never_answer=reason)
        metrics.guardrail_refused(reason)
        event("lead_message_never_answered", reason=reason)
        return {"refused": reason}
    # Before the transaction, for a model may take its time; and not again where a former attempt had it written.
    written = draft_store.find_draft(message.id) or write_reply(message, drafter_for(settings_in_force()))
    with atomic():
        draft = _keep(message, written) if isinstance(written, WrittenReply) else written
        draft_store.mark_processed(message.id)
        if draft.status == "pending":
            _dispatch_send(message, draft.id)
    return {_DRAFTED: str(draft.id)}


def _keep(message: draft_store.InboundMessage, written: WrittenReply) -> draft_store.KeptDraft:
    """Store it, whatever stands against it: to refuse it is the gate's, where people see it and why."""
    for objection in written.objections:
        event("draft_objected", reason=objection.name, revision=written.revision)
    return draft_store.keep_draft(message, written.draft, revision=written.revision)


def _dispatch_send(message: draft_store.InboundMessage, draft_id: UUID) -> None:
    run_at = send_at(message.id, message.sent_at, message.now, message.delay_min_s, message.delay_max_s)
    dispatch(
        auto_send,
        draft_id=str(draft_id),
        lead_id=str(message.lead_id),
        lead_message_id=str(message.id),
        dispatch_key=f"auto-send:{draft_id}",
        client_id=message.client_id,
        run_at=run_at,
        source="inbound",
    )


def _job(client_id: str, stored: mail_store.StoredMail) -> Job:
    return Job(
        inbound_post_process,
        kwargs={"lead_message_id": str(stored.lead_message_id), "lead_id": str(stored.lead_id)},
        dispatch_key=inbound_key(stored.lead_message_id),
        client_id=client_id,
        source="ingest",
    )


def _count_repeated(job_ids: Sequence[UUID | None]) -> None:
    """Count what was not even dispatched as the duplicates that they are; a courtesy, whose loss loses no work."""
    for _ in job_ids:
        metrics.job_duplicate(inbound_post_process.actor_name)
    try:
        count_duplicates([Blocked(job_id, "", 0.0) for job_id in job_ids if job_id is not None])
    except psycopg2.Error as error:
        event("duplicates_uncounted", "WARNING", duplicates=len(job_ids), error=error)
