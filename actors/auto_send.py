"""Mail out: sends one draft through the gate, once, as an effect; then writes down what became of it.

It must not know SQL, nor which conditions the gate asks for.
"""

from __future__ import annotations

import smtplib
from datetime import datetime
from typing import Any
from uuid import UUID

import dramatiq

from actors.effects import Refused, once
from messaging import draft_store
from messaging.delivery import OutgoingMail, compose_reply, send_mail
from messaging.draft_store import Outgoing, SentMail
from messaging.gate import gate
from middleware.configuration import settings_in_force, smtp_url
from middleware.in_hand import Held, current_held
from policy.errors import NotFound, NothingDone, NotYet, OutcomeUnknown, StaleClaim, Terminal
from policy.keys import internet_message_id, reply_effect_key

#: A whole SMTP conversation takes this long at most, in s, and less under a short lease: it must end before the lease.
SMTP_TIMEOUT_S = 20.0
_LEASE_SHARE = 0.6


# `throws` makes NotYet a quiet line instead of an error with its traceback; the rule for Reschedule comes first.
@dramatiq.actor(max_retries=2, throws=NotYet)
def auto_send(
    draft_id: str, lead_id: str | None = None, lead_message_id: str | None = None, by_hand: bool = False
) -> dict[str, Any]:
    """Send the draft unless the gate refuses; a refusal is a result, not an error.

    `lead_id` and `lead_message_id` are for the job's row; a draft of another lead is refused. `by_hand` says that a
    person asked for it. Raises Terminal for a draft that is not there or cannot be a mail, NotYet while it is not its
    hour, OutcomeUnknown when nobody can know whether it went out.
    """
    held = _held()
    job_id = held.claim.job_id
    try:
        outgoing = draft_store.read_outgoing(UUID(draft_id))
        meant_for = UUID(lead_id) if lead_id else outgoing.lead_id
    except (NotFound, ValueError) as error:
        raise Terminal(str(error)) from error
    # A draft that is not ours to take is left to the gate, which names the reason, or to the effect that was done.
    draft_store.take_for_sending(outgoing.draft_id, job_id, by_hand=by_hand)
    key = reply_effect_key(outgoing.lead_message_id, 1)
    try:
        answer = once(
            key,
            lambda idempotency_key: _send(_mail(outgoing, idempotency_key, held.database_now())),
            kind="email",
            guard=lambda: gate(outgoing.draft_id, meant_for, job_id, by_hand=by_hand),
        )
    except NotYet:
        draft_store.put_back(outgoing.draft_id, job_id)
        raise
    except OutcomeUnknown:
        draft_store.hold_draft(outgoing.draft_id, job_id)
        raise
    if isinstance(answer, Refused):
        draft_store.refuse_draft(outgoing.draft_id, job_id, answer.reason)
        return {"refused": answer.reason}
    sent = _sent_mail(answer.result, _mail(outgoing, key, held.database_now()))
    draft_store.record_sent(outgoing, sent)
    return {"sent": sent.internet_message_id, "replayed": answer.replayed}


def _send(mail: OutgoingMail) -> dict[str, Any]:
    """Submit the mail; gives what the effect keeps. Raises NothingDone where no server can have taken it."""
    settings = settings_in_force()
    url = smtp_url(settings)
    if url is None:
        raise NothingDone("no mail server: set CALLBOARD_SMTP_URL or run `callboard up`")
    try:
        message = compose_reply(mail)
        receipt = send_mail(url, message, timeout_s=min(SMTP_TIMEOUT_S, settings.lease_s * _LEASE_SHARE))
    except ValueError as error:
        raise Terminal(f"cannot be sent: {error}") from error
    except (OSError, smtplib.SMTPException) as error:
        # `send_mail` raises these only while nothing has been taken; what is open it calls OutcomeUnknown.
        raise NothingDone(f"{type(error).__name__} before the mail was taken") from error
    return {"message_id": receipt.message_id, "sent_at": mail.sent_at.isoformat(), "response": receipt.response[:200]}


def _mail(outgoing: Outgoing, idempotency_key: str, now: datetime) -> OutgoingMail:
    return OutgoingMail(
        message_id=internet_message_id(idempotency_key, outgoing.sender_address.rpartition("@")[2]),
        sender=outgoing.sender_address,
        sender_name=outgoing.sender_name,
        recipient=outgoing.recipient_address,
        subject=outgoing.subject,
        body=outgoing.content,
        sent_at=now,
        in_reply_to=outgoing.in_reply_to,
        references=outgoing.reference_ids,
    )


def _sent_mail(result: Any, mail: OutgoingMail) -> SentMail:
    """What the effect remembers of the mail; an outcome that an operator settled has nothing but its derived id."""
    if not isinstance(result, dict) or "sent_at" not in result:
        return SentMail(mail.message_id, mail.sent_at)
    return SentMail(str(result["message_id"]), datetime.fromisoformat(result["sent_at"]))


def _held() -> Held:
    held = current_held.get()
    if held is None:
        raise StaleClaim("auto_send needs a claimed job: dispatch it")
    return held
