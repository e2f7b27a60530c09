"""Header values of a received mail as text, however they were encoded. Knows single headers, not the mail's meaning.

Nothing here raises on bad input: a header that cannot be decoded yields what can be read of it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import Compat32
from email.utils import getaddresses, parsedate_to_datetime

from messaging.patterns import regex

#: A longer id is no id: RFC 5322 ends a line at 998 characters.
MESSAGE_ID_CHARS = 900
#: Mail is younger than this; earlier dates are unset clocks. Later than a day from now, the sender's clock is wrong.
EARLIEST_YEAR = 1990
CLOCK_SKEW = timedelta(days=1)

_ANGLED = regex(r"<\s*([^@\s<>]+@[^@\s<>]+?)\s*>")
_CONTROL = regex(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class RawHeaders(Compat32):
    """Hands out header values as they came; undecodable bytes stand in them as surrogate escapes."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


def decoded(value: str) -> str:
    """One line of readable text from a raw header value: RFC 2047 words, bare UTF-8 and bare Latin-1."""
    unfolded = re.sub(r"\r?\n[ \t]*", " ", value)
    try:
        pieces = decode_header(unfolded) if unfolded.isascii() else [(_raw_bytes(unfolded), None)]
    except (HeaderParseError, ValueError):
        pieces = [(_raw_bytes(unfolded), None)]
    text = "".join(decode_bytes(piece, charset) if isinstance(piece, bytes) else piece for piece, charset in pieces)
    return " ".join(scrubbed(text).split())


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Text of `data`, which claims to be in `charset`; the claim is doubted before a letter is lost.

    UTF-8 is tried first where a single-byte charset is claimed: text in one is hardly ever valid UTF-8 by chance.
    """
    claimed = (charset or "utf-8").strip().lower()
    candidates = ["utf-8", claimed] if _is_single_byte(claimed) else [claimed, "utf-8"]
    for candidate in candidates:
        try:
            return data.decode("cp1252" if _is_latin(candidate) else candidate)
        except (LookupError, ValueError):
            continue
    return data.decode("cp1252", errors="replace")


def scrubbed(text: str) -> str:
    """`text` without control characters and lone surrogates, which PostgreSQL and SMTP refuse."""
    return _CONTROL.sub("", text)


def header(message: Message, name: str) -> str:
    """The first header of that name, decoded; empty if there is none."""
    return decoded(str(message.get(name) or ""))


def addresses(message: Message, *names: str) -> list[tuple[str, str]]:
    """(display name, address in lower case) of each mailbox in those headers that has an address."""
    raw = [re.sub(r"\r?\n[ \t]*", " ", str(value)) for name in names for value in message.get_all(name, [])]
    readable = [value if value.isascii() else decoded(value) for value in raw]
    pairs = [(decoded(name), address.lower()) for name, address in getaddresses(readable) if _is_address(address)]
    return pairs or [_loose_address(value) for value in readable if _ANGLED.search(value)]


def message_ids(message: Message, name: str) -> tuple[str, ...]:
    """Every `<id>` of that header, in order; a single id without brackets is given them."""
    value = re.sub(r"\s+", " ", scrubbed(str(message.get(name) or ""))).strip()
    found = [re.sub(r"\s", "", each) for each in re.findall(r"<[^<>]+>", value)]
    if not found and value and not re.search(r"[\s<>]", value):
        found = [f"<{value}>"]
    return tuple(each for each in found if each.isascii() and 2 < len(each) <= MESSAGE_ID_CHARS)


def sent_at(message: Message, now: datetime | None) -> datetime | None:
    """The `Date` header in UTC, or None if there is none worth believing. Without a zone it is taken as UTC."""
    try:
        parsed = parsedate_to_datetime(header(message, "Date"))
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
        at = aware.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    if at.year < EARLIEST_YEAR or (now is not None and at > now + CLOCK_SKEW):
        return None
    return at


def _raw_bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _loose_address(value: str) -> tuple[str, str]:
    """What stands in angle brackets, where the rest is no address list: `Doe, John <john@example.com>`."""
    found = _ANGLED.search(value)
    return (decoded(value[: found.start()]).strip(' "'), found[1].lower()) if found else ("", "")


def _is_address(address: str) -> bool:
    return bool(re.fullmatch(r"[^@\s<>,;:\"()]+@[^@\s<>,;:\"()]+", address))


def _is_single_byte(charset: str) -> bool:
    return charset in {"us-ascii", "ascii"} or charset.startswith(("iso-8859", "latin", "windows-125", "cp125"))


def _is_latin(charset: str) -> bool:
    """Browsers read Latin-1 and ASCII as windows-1252, for that is what mailers mean by them (WHATWG Encoding)."""
    return charset in {"us-ascii", "ascii", "iso-8859-1", "iso8859-1", "latin1", "latin-1", "windows-1252"}
