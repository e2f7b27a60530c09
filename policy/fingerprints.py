"""One short name for "the same error again", whatever ids and numbers its message carries."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

#: Hex digits of a fingerprint: 64 bits tell apart far more kinds of errors than a project can have.
FINGERPRINT_DIGITS = 16

#: Longer messages are compared by this many first characters.
MESSAGE_CHARS = 2_000

#: All become the same sign, so that an id of seven digits and one of eight (also hexadecimal) do not differ.
_VARYING = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"  # a UUID
    r"|\b0x[0-9a-f]+\b"  # an address
    r"|\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b"  # a digest; at least one digit, so that words stay words
    r"|[0-9]+(?:[.,:][0-9]+)*",  # a number, an amount, a time of day
    re.IGNORECASE,
)
_LINE_NUMBER = re.compile(r":[0-9]+")


def fingerprint(error_class: str, message: str, frames: Iterable[str]) -> str:
    """16 hex digits naming this kind of error.

    `frames` are the places it passed, outermost first, such as "actors/inbound.py:draft_reply";
    line numbers after a colon do not count, so that an edit elsewhere in a file keeps the name.
    """
    parts = [
        error_class,
        _VARYING.sub("#", message[:MESSAGE_CHARS]),
        *(_LINE_NUMBER.sub("", frame) for frame in frames),
    ]
    digest = hashlib.sha256("\x1f".join(parts).encode(errors="backslashreplace"))
    return digest.hexdigest()[:FINGERPRINT_DIGITS]
