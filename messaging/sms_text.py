"""How much one SMS carries, and where a longer text is parted. Pure; it knows nothing of leads or providers.

One SMS carries 140 bytes (3GPP TS 23.038, 23.040): 160 characters of the seven-bit alphabet, of which a few cost two,
or 70 UTF-16 units as soon as a single character is not in that alphabet. A part is an SMS of its own, without the
header that joins segments (that would leave 153 and 67): each can be sent, refused and resumed by itself.
"""

from __future__ import annotations

import re
import unicodedata

from messaging.patterns import regex

#: Septets of one SMS in the seven-bit alphabet, and UTF-16 units of one in any other.
SEPTETS = 160
UTF16_UNITS = 70
#: Parts of a reply at most.
MOST_PARTS = 3

#: 3GPP TS 23.038 §6.2.1, the default alphabet (its escape and the control characters but the line feed left out).
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: §6.2.1.1, its extension: an escape goes before each.
_EXTENDED = frozenset("^{}\\[~]|€")

_WORD = regex(r"\S+")
_LINK = regex(r"://|\bwww\.", re.IGNORECASE)
#: What belongs to the character before it: variation selectors, skin tones, tags, the joiner itself.
_JOINER = "\u200d"
_ATTACHED = regex(r"[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u200d\u20e3]")
_FLAG_LETTER = regex(r"[\U0001f1e6-\U0001f1ff]")


def septets(text: str) -> int | None:
    """Its length in the seven-bit alphabet; None if a character is not in it."""
    if not all(sign in _BASIC or sign in _EXTENDED for sign in text):
        return None
    return len(text) + sum(sign in _EXTENDED for sign in text)


def fits_one_sms(text: str) -> bool:
    """Whether one SMS carries it whole."""
    if len(text) > SEPTETS:
        return False
    length = septets(text)
    return (
        length <= SEPTETS if length is not None else len(text.encode("utf-16-le", "surrogatepass")) // 2 <= UTF16_UNITS
    )


def sms_parts(text: str) -> tuple[str, ...] | None:
    """The text in at most three SMS, parted between words; None if it does not go into so many.

    White space at a parting is dropped. A word longer than an SMS is cut between characters, a link never. Taking as
    much as fits each time gives the fewest parts, for whatever stands within a text that fits fits, too.
    """
    parts: list[str] = []
    rest = text.strip()
    while rest:
        if len(parts) == MOST_PARTS:
            return None
        end = _end_of_first(rest)
        if end == 0:
            return None
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return tuple(parts)


def _end_of_first(rest: str) -> int:
    """Where the first part ends; 0 if it would cut a link."""
    if fits_one_sms(rest):
        return len(rest)
    end = 0
    for word in _WORD.finditer(rest):
        if not fits_one_sms(rest[: word.end()]):
            return end or (0 if _LINK.search(word[0]) else _cut(word[0]))
        end = word.end()
    return end


def _cut(word: str) -> int:
    """The longest beginning of an overlong word that one SMS carries and that tears no character in two."""
    end = 0
    for place in range(1, min(len(word), SEPTETS) + 1):
        if not fits_one_sms(word[:place]):
            break
        if not _belongs_together(word, place):
            end = place
    return end


def _belongs_together(word: str, place: int) -> bool:
    """Whether what stands before and after that place is one character to its reader."""
    before, after = word[:place], word[place : place + 1]
    if not after:
        return False
    if unicodedata.combining(after) or _ATTACHED.match(after) or before.endswith(_JOINER):
        return True
    letters = len(before) - len(before.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
    return bool(_FLAG_LETTER.match(after)) and letters % 2 == 1
