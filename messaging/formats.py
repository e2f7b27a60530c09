"""What each channel can carry: a draft brought into its form, judged, and laid out in the parts in which it goes out.

Pure; it knows neither rows nor providers. Mail is never touched: it carries what it is given.
"""

from __future__ import annotations

import html
import re
import unicodedata
from enum import Enum

from messaging.patterns import regex
from messaging.sms_text import sms_parts

#: Characters of a LinkedIn message at most.
LINKEDIN_CHARS = 8_000


class Channel(str, Enum):
    """The way by which a lead writes, and by which it is answered."""

    EMAIL = "email"
    SMS = "sms"
    LINKEDIN = "linkedin"


#: Typography that would cost an SMS more than half of its length, spelt in the seven-bit alphabet.
_PLAIN_SIGNS = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "`": "'", "\u00b4": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u2022": "-",
        "\u2026": "...", "\u00a0": " ", "\u2009": " ", "\u200a": " ", "\u202f": " ", "\u200b": "", "\ufeff": "",
        "\t": " ",
    }
)  # fmt: skip

_TAG = regex(
    r"</?(?:a|abbr|b|blockquote|body|br|code|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|s|small|span|strong|sub"
    r"|sup|table|tbody|td|th|thead|tr|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_BREAK = regex(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6]|blockquote)>", re.IGNORECASE)
_ENTITY = regex(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_LINKED = regex(r"!?\[([^\[\]\n]+)\]\(\s*<?([^\s()<>]+)>?(?:\s+\"[^\"\n]*\")?\s*\)")
_FENCE = regex(r"^[ \t]*(?:```|~~~).*\n?", re.MULTILINE)
_HEADING = regex(r"^#{1,6}[ \t]+", re.MULTILINE)
_BULLET = regex(r"^([ \t]*)[*+\u2022][ \t]+", re.MULTILINE)
#: Marks of emphasis stand around words: within one, as in a link or a product, they are part of it.
_EMPHASIS = regex(r"(?<![^\s(\"'*_])(\*{1,3}|__|`)(?=[^\s*_`])([^*`\n]*?[^\s*`])\1(?=[\s.,;:!?)\"'*_]|$)")

_MARKS = (_TAG, _ENTITY, _LINKED, _FENCE, _HEADING, _EMPHASIS)
#: Markup may come out of markup (`&lt;b&gt;`); so often it is looked for.
_SHAPINGS = 5
#: What no message can carry: control characters but the line end, and half characters.
_UNSENDABLE = regex(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")


def shaped(channel: Channel, text: str) -> str:
    """`text` as the channel writes it, its words unchanged: for SMS and LinkedIn without markup, for SMS also without
    typography that halves its length. It may still not fit: see `unfit`.
    """
    if channel is Channel.EMAIL:
        return text
    for _ in range(_SHAPINGS):
        former, text = text, _plain(text)
        if channel is Channel.SMS:
            text = text.translate(_PLAIN_SIGNS).strip()
        if text == former:
            break
    return text


def unfit(channel: Channel, text: str) -> str | None:
    """Why the channel cannot carry the text, as a reason code; None if it can.

    `sms_too_long` (more than three parts), `linkedin_too_long`, `markup_in_plain_text`.
    """
    if channel is Channel.EMAIL:
        return None
    if channel is Channel.SMS and sms_parts(text) is None:
        return "sms_too_long"
    if channel is Channel.LINKEDIN and len(text) > LINKEDIN_CHARS:
        return "linkedin_too_long"
    return "markup_in_plain_text" if any(mark.search(text) for mark in _MARKS) or _UNSENDABLE.search(text) else None


def parts_of(channel: Channel, text: str) -> tuple[str, ...]:
    """The texts in which it goes out, in order, at least one: several for an SMS, the whole for all others.

    A text that does not fit is one part; it is refused before it is sent.
    """
    return (sms_parts(text) if channel is Channel.SMS else None) or (text,)


def _plain(text: str) -> str:
    """Without the marks of Markdown and HTML: links keep their address, lists their dashes."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    untagged = _TAG.sub("", _BREAK.sub("\n", lines))
    unmarked = _HEADING.sub("", _FENCE.sub("", _LINKED.sub(r"\1: \2", _unescaped(untagged))))
    bulleted = _BULLET.sub(r"\1- ", unmarked)
    while (bare := _EMPHASIS.sub(r"\2", bulleted)) != bulleted:
        bulleted = bare
    clean = _UNSENDABLE.sub("", bulleted.replace("\t", " "))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", clean)).strip()


def _unescaped(text: str) -> str:
    # Only what is plainly an entity: `&copy=1` in a link is none, although HTML would read it as one.
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
