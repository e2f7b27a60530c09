"""One part of a draft sent on its channel, and what its effect remembers of it. Knows settings; no rows, no jobs."""

from __future__ import annotations

import hashlib
import json
import smtplib
from datetime import datetime
from typing import Any

from messaging.delivery import OutgoingMail, compose_reply, send_mail
from messaging.draft_store import Outgoing, SentMail
from messaging.formats import Channel
from messaging.inbound_texts import recipient_at
from middleware.configuration import smtp_url
from policy.errors import NothingDone, Terminal
from policy.keys import internet_message_id
from policy.settings import Settings

#: A call takes this long at most, in s, and less under a short lease: it must end before the lease.
CALL_TIMEOUT_S = 20.0
_LEASE_SHARE = 0.6


def send_part(outgoing: Outgoing, part: int, key: str, now: datetime, settings: Settings) -> dict[str, Any]:
    """Send that part (from 1) under its effect key; gives what the effect keeps.

    Raises Terminal for what can never be sent, NothingDone where the other side cannot have taken it, and else as
    `delivery.send_mail` and `provider.send_text` say.
    """
    timeout_s = min(CALL_TIMEOUT_S, settings.lease_s * _LEASE_SHARE)
    if outgoing.channel == Channel.EMAIL.value:
        return _send_mail(outgoing, key, now, smtp_url(settings), timeout_s)
    return _send_text(outgoing, part, key, now, settings, timeout_s)


def idempotent_for_s(channel: str, settings: Settings) -> float | None:
    """For how many seconds the other side honours a key; None: not at all, as is the way of mail."""
    honoured_s = {Channel.SMS.value: settings.sms_idempotent_s, Channel.LINKEDIN.value: settings.linkedin_idempotent_s}
    return honoured_s.get(channel) or None


def provider_of(channel: str) -> str:
    """Who carries it: mail goes by SMTP, anything else by the provider of its channel."""
    return "smtp" if channel == Channel.EMAIL.value else channel


def request_digest(outgoing: Outgoing, part: int) -> str:
    """SHA-256, in hex digits, of what that part (from 1) says to whom; no time is in it: a repeat has the same."""
    mail = outgoing.channel == Channel.EMAIL.value
    said = {
        "channel": outgoing.channel,
        "to": outgoing.recipient_address,
        "from": outgoing.sender_address if mail else outgoing.trigger_recipient,
        "subject": outgoing.subject if mail else None,
        "text": outgoing.content if mail else outgoing.parts[part - 1],
        "part": part,
        "parts": len(outgoing.parts),
        "in_reply_to": outgoing.in_reply_to if mail else outgoing.trigger_identity,
        "thread": outgoing.thread,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def sent_part(outgoing: Outgoing, key: str, result: Any, otherwise_at: datetime) -> SentMail:
    """What the effect remembers; an outcome that an operator settled has only what is derived from its key, and is
    dated `otherwise_at`.
    """
    told = result.get("sent_at") if isinstance(result, dict) else None
    identity = known_as(outgoing, key, result) if outgoing.channel == Channel.EMAIL.value else key
    return SentMail(identity, datetime.fromisoformat(told) if told else otherwise_at)


def known_as(outgoing: Outgoing, key: str, result: Any) -> str:
    """What the other side calls it: a mail's Message-ID, a provider's name; the key where nobody said one."""
    known = result if isinstance(result, dict) else {}
    if outgoing.channel == Channel.EMAIL.value:
        return str(known.get("message_id") or _message_id(outgoing, key))
    return str(known.get("provider_reference") or key)


def _send_mail(outgoing: Outgoing, key: str, now: datetime, url: str | None, timeout_s: float) -> dict[str, Any]:
    if url is None:
        raise NothingDone("no mail server: set CALLBOARD_SMTP_URL or run `callboard up`")
    try:
        message = compose_reply(_mail(outgoing, key, now))
        receipt = send_mail(url, message, timeout_s=timeout_s)
    except ValueError as error:
        raise Terminal(f"cannot be sent: {error}") from error
    except (OSError, smtplib.SMTPException) as error:
        # `send_mail` raises these only while nothing has been taken; what is open it calls OutcomeUnknown.
        raise NothingDone(f"{type(error).__name__} before the mail was taken") from error
    return {
        "message_id": receipt.message_id,
        "provider_reference": receipt.message_id,
        "sent_at": now.isoformat(),
        "response": receipt.response[:200],
    }


def _send_text(
    outgoing: Outgoing, part: int, key: str, now: datetime, settings: Settings, timeout_s: float
) -> dict[str, Any]:
    channel = Channel(outgoing.channel)
    sms = channel is Channel.SMS
    url, token = (settings.sms_url, settings.sms_token) if sms else (settings.linkedin_url, settings.linkedin_token)
    if url is None:
        raise Terminal(f"no provider: set CALLBOARD_{channel.name}_URL, then requeue")
    # Here, because the HTTP client takes three megabytes of each process, and most never send a text.
    from messaging.provider import OutgoingText, read_provider_url, send_text  # noqa: PLC0415

    message = OutgoingText(
        channel=channel.value,
        recipient=recipient_at(channel, outgoing.recipient_address),
        text=outgoing.parts[part - 1],
        part=part,
        parts=len(outgoing.parts),
        sender=outgoing.trigger_recipient,
        in_reply_to=(outgoing.trigger_identity or "").removeprefix(f"{channel.value}:") or None,
        thread=outgoing.thread,
    )
    try:
        name = send_text(read_provider_url(url, token), message, key, timeout_s=timeout_s)
    except ValueError as error:
        raise Terminal(f"cannot be sent: {error}") from error
    return {"provider_reference": name, "sent_at": now.isoformat()}


def _mail(outgoing: Outgoing, key: str, now: datetime) -> OutgoingMail:
    return OutgoingMail(
        message_id=_message_id(outgoing, key),
        sender=outgoing.sender_address,
        sender_name=outgoing.sender_name,
        recipient=outgoing.recipient_address,
        subject=outgoing.subject,
        body=outgoing.content,
        sent_at=now,
        in_reply_to=outgoing.in_reply_to,
        references=outgoing.reference_ids,
    )


def _message_id(outgoing: Outgoing, key: str) -> str:
    return internet_message_id(key, outgoing.sender_address.rpartition("@")[2])
