"""The readable text of a received mail's body, quoted history included. Knows MIME; nothing of who wrote it, or why."""

from __future__ import annotations

from email.message import Message

from messaging.html_text import html_to_text
from messaging.mail_headers import decode_bytes, scrubbed

#: Characters kept of one body: a letter of forty pages. Longer ones are machine output.
BODY_CHARS = 100_000


def body_text(message: Message) -> str:
    """Plain text of the mail: its plain parts, or else its HTML as text. Attachments and attached mails are left out.

    Raises nothing: an undecodable part is read as far as it goes.
    """
    text = _readable(message).replace("\r\n", "\n").replace("\r", "\n")
    return scrubbed(text.replace("\xa0", " ").replace("\ufeff", ""))[:BODY_CHARS].strip("\n")


def _readable(part: Message) -> str:
    if part.is_multipart():
        return _readable_multipart(part)
    if part.get_content_disposition() == "attachment" or part.get_content_maintype() != "text":
        return ""
    text = _decoded_payload(part)
    if part.get_content_subtype() == "html":
        return html_to_text(text[: 4 * BODY_CHARS])
    return text if part.get_content_subtype() == "plain" else ""


def _readable_multipart(part: Message) -> str:
    if part.get_content_maintype() == "message":
        return ""
    children = _children(part)
    if part.get_content_subtype() == "alternative":
        plain_first = sorted(children, key=lambda child: child.get_content_type() != "text/plain")
        return next((text for text in map(_readable, plain_first) if text.strip()), "")
    return "\n".join(text for text in map(_readable, children) if text.strip())


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _decoded_payload(part: Message) -> str:
    try:
        payload = part.get_payload(decode=True)
        charset = part.get_content_charset()
    except (LookupError, ValueError):
        return ""
    return decode_bytes(payload, charset) if isinstance(payload, bytes) else ""
