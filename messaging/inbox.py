"""Reads a mail from its raw bytes into an `InboundMail`. Knows RFC 5322; nothing of leads, tables or jobs."""

from __future__ import annotations

import email
import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

from messaging.body_text import body_text
from messaging.mail_headers import RawHeaders, addresses, header, message_ids, sent_at
from messaging.mailboxes import MAIL_BYTES, MailboxUnreadable, iterate_mailbox
from messaging.quoted_history import new_text
from policy.errors import MailUnreadable

__all__ = ["InboundMail", "MailMarks", "MailboxUnreadable", "iterate_mailbox", "parse_mail"]

#: Ids kept of a `References` header: the first and the newest, as RFC 5322 §3.6.4 wants them named in a reply.
REFERENCES_KEPT = 20
SUBJECT_CHARS = 500


@dataclass(frozen=True, slots=True)
class MailMarks:
    """The headers by which machines mark their mail, as they came; empty where there is no such header.

    `return_path` is None without the header, and empty for `<>`.
    """

    auto_submitted: str
    auto_reply: str
    list_id: str
    precedence: str
    return_path: str | None
    content_type: str


@dataclass(frozen=True, slots=True)
class InboundMail:
    """One received mail.

    `identity` is the Message-ID with its brackets, or else `sha256:<hex>` of the raw bytes: the same file read twice
    has the same identity, and a copy with other bytes is known by its content (`mail_copies`). `sent_at` is UTC, None
    without a believable `Date`. `body` is the new text alone.
    """

    identity: str
    sender: str
    sender_name: str
    recipients: tuple[str, ...]
    subject: str
    sent_at: datetime | None
    in_reply_to: str | None
    references: tuple[str, ...]
    internet_message_id: str | None
    body: str
    marks: MailMarks


def parse_mail(raw: bytes, *, now: datetime | None = None) -> InboundMail:
    """Read `raw`; with `now` (aware), a date more than a day ahead of it counts as no date.

    Raises MailUnreadable, its message the reason: empty, too large, nested too deeply, or without a sender.
    """
    message = _parsed(raw)
    sender_name, sender = _sender(message)
    own_ids = message_ids(message, "Message-ID")
    answered = message_ids(message, "In-Reply-To")
    return InboundMail(
        identity=own_ids[0] if own_ids else "sha256:" + hashlib.sha256(raw).hexdigest(),
        sender=sender,
        sender_name=sender_name,
        recipients=tuple(dict.fromkeys(address for _, address in addresses(message, "To", "Cc"))),
        subject=header(message, "Subject")[:SUBJECT_CHARS],
        sent_at=sent_at(message, now),
        in_reply_to=answered[0] if answered else None,
        references=_first_and_newest(message_ids(message, "References")),
        internet_message_id=own_ids[0] if own_ids else None,
        body=_new_text(message),
        marks=_marks(message),
    )


def _parsed(raw: bytes) -> Message:
    if not raw.strip():
        raise MailUnreadable("empty file")
    if len(raw) > MAIL_BYTES:
        raise MailUnreadable(f"larger than {MAIL_BYTES} bytes")
    try:
        return email.message_from_bytes(raw, policy=RawHeaders())
    except RecursionError as error:
        raise MailUnreadable("its parts are nested too deeply") from error


def _sender(message: Message) -> tuple[str, str]:
    if not message.keys():
        raise MailUnreadable("not a mail: it has no headers")
    if message.get("From") is None:
        raise MailUnreadable("no From header")
    senders = addresses(message, "From")
    if not senders:
        raise MailUnreadable("no address in the From header")
    return senders[0]


def _new_text(message: Message) -> str:
    try:
        return new_text(body_text(message))
    except RecursionError as error:
        raise MailUnreadable("its parts are nested too deeply") from error


def _first_and_newest(ids: tuple[str, ...]) -> tuple[str, ...]:
    return ids if len(ids) <= REFERENCES_KEPT else (ids[0], *ids[1 - REFERENCES_KEPT :])


def _marks(message: Message) -> MailMarks:
    return_path = message.get("Return-Path")
    return MailMarks(
        auto_submitted=header(message, "Auto-Submitted"),
        auto_reply=header(message, "X-Autoreply") or header(message, "X-Autorespond"),
        list_id=header(message, "List-Id"),
        precedence=header(message, "Precedence"),
        return_path=None if return_path is None else header(message, "Return-Path").strip("<> "),
        content_type=message.get_content_type(),
    )
