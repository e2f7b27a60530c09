"""SMS and LinkedIn messages in: one JSON object a line (docs/channels.md) becomes an `InboundText`. Knows no rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from messaging.formats import Channel
from messaging.patterns import regex
from messaging.provider_names import PHONE_NUMBER, PROVIDER_NAME
from policy.errors import LineUnreadable

#: Bytes of a line at most: what no provider's message reaches.
LINE_BYTES = 1_000_000
#: Fields of a line; the first four must be there.
FIELDS = ("channel", "id", "from", "text", "to", "name", "thread", "sent_at")
_NEEDED = FIELDS[:4]
#: Characters kept of a lead's name.
_NAME_CHARS = 200

_CONTROL = regex(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class InboundText:
    """One received SMS or LinkedIn message. `id`, `thread` and a LinkedIn `sender` are the provider's names.

    `recipient` is the client's own number or name there. `sent_at` is aware, None if the line did not say.
    """

    channel: Channel
    id: str
    sender: str
    sender_name: str
    body: str
    recipient: str | None = None
    thread: str | None = None
    sent_at: datetime | None = None

    @property
    def identity(self) -> str:
        """What makes it one of its kind for its lead."""
        return f"{self.channel.value}:{self.id}"

    @property
    def lead_address(self) -> str:
        """The lead's address; names of different channels never meet."""
        return f"linkedin:{self.sender}" if self.channel is Channel.LINKEDIN else self.sender


def recipient_at(channel: Channel, lead_address: str) -> str:
    """How the provider calls the lead of that address."""
    return lead_address.removeprefix("linkedin:") if channel is Channel.LINKEDIN else lead_address


def iterate_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of the file that hold anything, each with its number from 1, no longer than is needed to refuse it.

    Raises OSError.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LINE_BYTES + 1):
            number += 1
            rest = line
            while len(rest) > LINE_BYTES and not rest.endswith(b"\n"):
                rest = file.readline(LINE_BYTES + 1)
            content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if content.strip():
                yield number, content


def parse_line(line: bytes) -> InboundText:
    """Read one line. Raises LineUnreadable, its message the reason."""
    said = _fields(line)
    channel = _channel(said["channel"])
    sender = _matching(said, "from", PHONE_NUMBER if channel is Channel.SMS else PROVIDER_NAME)
    assert sender is not None  # a needed field
    name = _matching(said, "id", PROVIDER_NAME)
    assert name is not None
    return InboundText(
        channel=channel,
        id=name,
        sender=sender,
        sender_name=" ".join(_text(said, "name").split())[:_NAME_CHARS],
        body=_text(said, "text").strip(),
        recipient=_matching(said, "to", PROVIDER_NAME),
        thread=_matching(said, "thread", PROVIDER_NAME),
        sent_at=_moment(said.get("sent_at")),
    )


def _fields(line: bytes) -> dict[str, Any]:
    if len(line) > LINE_BYTES:
        raise LineUnreadable(f"larger than {LINE_BYTES} bytes")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise LineUnreadable("not JSON in UTF-8") from None
    if not isinstance(said, dict):
        raise LineUnreadable("not a JSON object")
    unknown = sorted(said.keys() - set(FIELDS))
    if unknown:
        raise LineUnreadable(f"no field is called {unknown[0]!r}; there are {', '.join(FIELDS)}")
    missing = [field for field in _NEEDED if said.get(field) is None]
    if missing:
        raise LineUnreadable(f"no `{missing[0]}`")
    return said


def _channel(value: object) -> Channel:
    if value not in (Channel.SMS.value, Channel.LINKEDIN.value):
        raise LineUnreadable("`channel` is sms or linkedin; mail comes as a mailbox")
    return Channel(value)


def _matching(said: dict[str, Any], field: str, pattern: re.Pattern[str]) -> str | None:
    value = said.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        wanted = (
            "a telephone number such as +4915112345678"
            if pattern is PHONE_NUMBER
            else "a name of at most 200 characters of ASCII without spaces"
        )
        raise LineUnreadable(f"`{field}` is not {wanted}")
    return value


def _text(said: dict[str, Any], field: str) -> str:
    value = said.get(field, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LineUnreadable(f"`{field}` is not a text")
    return _CONTROL.sub("", value)


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise LineUnreadable("`sent_at` is not a moment with its zone, such as 2026-03-02T10:00:00Z") from None
