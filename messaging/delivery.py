"""Composes our mail and hands it to the provider: `compose_reply`, `send_mail`. Knows RFC 5322 and URLs, no tables.

What is known on each side of the final dot is `messaging.smtp_submission`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from messaging.patterns import regex
from messaging.smtp_submission import SmtpEndpoint, SmtpReceipt, submit

__all__ = ["OutgoingMail", "SmtpReceipt", "compose_reply", "read_smtp_url", "send_mail"]

#: Default ports by URL scheme: RFC 5321 §4.5.4.2, RFC 8314 §7.3, RFC 6409 §3.1.
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
#: Characters of a `References` header: the first id of the thread and as many of the newest as fit.
_REFERENCES_CHARS = 900

_CONTROL = regex(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MESSAGE_ID = regex(r"<[^<>\s@]+@[^<>\s@]+>")
_UNSENDABLE = regex(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class _ReplyPolicy(EmailPolicy):
    """SMTP's line ends and seven-bit bodies; ids are folded at white space, never written as encoded words."""

    def fold(self, name: str, value: str) -> str:
        if name.lower() in {"message-id", "in-reply-to", "references"}:
            return f"{name}: " + "\r\n ".join(str(value).split()) + "\r\n"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii")


_POLICY = _ReplyPolicy(linesep="\r\n", cte_type="7bit", raise_on_defect=False)


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """What is to be said to whom. `message_id` and the ids answered come with their angle brackets."""

    message_id: str
    sender: str
    sender_name: str
    recipient: str
    subject: str
    body: str
    sent_at: datetime
    in_reply_to: str | None = None
    references: Sequence[str] = ()


def compose_reply(mail: OutgoingMail) -> EmailMessage:
    """The mail as it goes out, marked as an automatic reply (RFC 3834 §5), threaded under the one that it answers.

    Ids that are none are left out of the threading. Raises ValueError where a header would be injected (control
    characters), an address is none or not ASCII, the message id is malformed, or `sent_at` has no zone.
    """
    if mail.sent_at.tzinfo is None:
        raise ValueError("sent_at must be an aware datetime")
    if not _MESSAGE_ID.fullmatch(mail.message_id):
        raise ValueError(f"not a message id: {mail.message_id!r}")
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(mail.sender, mail.sender_name)
    message["To"] = _address(mail.recipient)
    message["Subject"] = _one_line("subject", mail.subject)
    message["Date"] = format_datetime(mail.sent_at)
    message["Message-ID"] = mail.message_id
    _thread(message, mail)
    message["Auto-Submitted"] = "auto-replied"
    message.set_content(_UNSENDABLE.sub("", mail.body))
    return message


def send_mail(smtp_url: str, message: EmailMessage, *, timeout_s: float) -> SmtpReceipt:
    """Submit `message` to the server of `smtp_url`, all within `timeout_s` seconds.

    Raises ValueError for a bad URL or message; smtplib's exceptions or OSError while nothing has been taken;
    OutcomeUnknown when the answer to the final dot was lost. See `smtp_submission.submit`.
    """
    return submit(read_smtp_url(smtp_url), message, timeout_s=timeout_s)


def read_smtp_url(url: str) -> SmtpEndpoint:
    """`smtp://`, `smtps://` or `smtp+starttls://`, with optional `user:password@` (percent-encoded) and port.

    Raises ValueError, without the password in its message.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"an SMTP URL begins with one of {', '.join(_PORTS)}, not {parts.scheme!r}")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("the SMTP URL's port is no number from 0 to 65535") from error
    if not parts.hostname:
        raise ValueError("the SMTP URL names no host")
    return SmtpEndpoint(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "smtps",
        starttls=parts.scheme == "smtp+starttls",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _thread(message: EmailMessage, mail: OutgoingMail) -> None:
    if mail.in_reply_to is None or not _MESSAGE_ID.fullmatch(mail.in_reply_to):
        return
    message["In-Reply-To"] = mail.in_reply_to
    known = [each for each in mail.references if _MESSAGE_ID.fullmatch(each) and each != mail.in_reply_to]
    chain = [*dict.fromkeys(known), mail.in_reply_to]
    while len(chain) > 2 and len(" ".join(chain)) > _REFERENCES_CHARS:
        del chain[1]
    message["References"] = " ".join(chain)


def _address(address: str, name: str = "") -> Address:
    plain = _one_line("address", address).strip()
    if not plain.isascii():
        raise ValueError(f"not an ASCII address: {address!r}")
    try:
        return Address(display_name=_one_line("name", name), addr_spec=plain)
    except (ValueError, IndexError, MessageError) as error:
        raise ValueError(f"not an address: {address!r}") from error


def _one_line(what: str, text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError(f"control characters in the {what}")
    return _UNSENDABLE.sub("", text)
