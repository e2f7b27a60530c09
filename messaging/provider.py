"""SMS and LinkedIn messages out, through an HTTP provider: what is asked, and what its answer means (docs/channels.md).

What is known on each side of the request's last byte is `messaging.provider_call`'s business. It must not know rows.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from messaging.patterns import regex
from messaging.provider_call import Answer, Endpoint, post
from messaging.provider_names import PHONE_NUMBER, PROVIDER_NAME
from policy.errors import CallboardError, Terminal

_HEADER_VALUE = regex(r"[!-~](?:[ -~]*[!-~])?")
#: "Do it there": the provider has not done it here, and what a lead is told goes to the configured address only.
_REDIRECTS = frozenset({301, 302, 307, 308})


class ProviderRefused(CallboardError):
    """The provider refused the message.

    `status_code` and `headers` (only `Retry-After`) are what the rules judge by; the answer's own text, which may
    repeat the message, is not kept.
    Acts: as `policy.rules` says of the status; an operator for a wrong number, token or URL.
    """

    def __init__(self, status_code: int, retry_after: str | None) -> None:
        super().__init__(f"the provider answered HTTP {status_code}")
        self.status_code = status_code
        self.headers = {} if retry_after is None else {"Retry-After": retry_after}


class ProviderAnswerUnusable(CallboardError):
    """The provider's answer does not say whether the message was taken.

    The message says what is wrong with it, never what it says.
    Acts: nobody where the provider honours the key: the same request is made again. Else an operator.
    """


@dataclass(frozen=True, slots=True)
class OutgoingText:
    """One part of a reply. `sender` is the address that the lead wrote to; it and the names are the provider's own."""

    channel: str
    recipient: str
    text: str
    part: int = 1
    parts: int = 1
    sender: str | None = None
    in_reply_to: str | None = None
    thread: str | None = None


def send_text(endpoint: Endpoint, message: OutgoingText, idempotency_key: str, *, timeout_s: float) -> str:
    """Hand the message to the provider, all within `timeout_s` seconds; gives the provider's name for it.

    Raises ValueError for what cannot be sent; NothingDone and the client's errors as `provider_call.post` says;
    ProviderRefused for 4xx and 5xx; Terminal for a redirect; ProviderAnswerUnusable for an answer that says nothing.
    """
    if not _HEADER_VALUE.fullmatch(idempotency_key):
        raise ValueError("the idempotency key cannot stand in a header")
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "callboard",
        "Idempotency-Key": idempotency_key,
    }
    return read_answer(post(endpoint, headers, compose(message), timeout_s=timeout_s))


def compose(message: OutgoingText) -> bytes:
    """The request's body. Raises ValueError where the recipient is none of that channel, or the text no text."""
    wanted = PHONE_NUMBER if message.channel == "sms" else PROVIDER_NAME
    if not wanted.fullmatch(message.recipient):
        raise ValueError(f"not a recipient by {message.channel}: {message.recipient!r}")
    asked: dict[str, Any] = {
        "channel": message.channel,
        "to": message.recipient,
        "from": message.sender,
        "text": message.text,
        "part": message.part,
        "parts": message.parts,
        "in_reply_to": message.in_reply_to,
        "thread": message.thread,
    }
    try:
        return json.dumps(
            {name: value for name, value in asked.items() if value is not None}, ensure_ascii=False
        ).encode()
    except UnicodeEncodeError as error:
        raise ValueError("the text holds half characters") from error


def read_answer(answer: Answer) -> str:
    """The provider's name for the message. Raises as `send_text` says."""
    if answer.status >= 400:
        raise ProviderRefused(answer.status, answer.retry_after)
    if answer.status in _REDIRECTS:
        raise Terminal(f"the provider points elsewhere (HTTP {answer.status}): set its new URL, then requeue")
    if not 200 <= answer.status < 300:
        raise ProviderAnswerUnusable(f"the provider answered HTTP {answer.status}, which says nothing")
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        # Not chained: the decoder's error holds the whole text.
        raise ProviderAnswerUnusable("the provider's answer is not JSON") from None
    name = said.get("id") if isinstance(said, dict) else None
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not PROVIDER_NAME.fullmatch(name):
        raise ProviderAnswerUnusable("the provider's answer has no `id` that could name a message")
    return name


def read_provider_url(url: str, token: str | None = None) -> Endpoint:
    """`http://` or `https://`, with optional `user:password@` (percent-encoded) or else a bearer `token`.

    Raises ValueError, without password and token in its message.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"a provider's URL begins with http or https, not {parts.scheme!r}")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("the provider's URL has a port that is no number from 0 to 65535") from error
    if not parts.hostname or not re.fullmatch(r"[!-~]+", url):
        raise ValueError("the provider's URL names no host, or holds characters that no URL may hold")
    if parts.username is not None and token:
        raise ValueError("the provider's URL names a user, and there is a token, too: one of them")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return Endpoint(
        f"{parts.scheme}://{host}{f':{port}' if port else ''}{target}",
        _authorization(parts.username, parts.password, token),
    )


def _authorization(user: str | None, password: str | None, token: str | None) -> str:
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    if not token:
        return ""
    if not _HEADER_VALUE.fullmatch(token):
        raise ValueError("the provider's token holds characters that no header may hold")
    return f"Bearer {token}"
