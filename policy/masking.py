"""What of a log line's values is not to be read by whoever reads logs: secrets always, addresses by default.

Pure text. It must not know lines; the names of keys and ids are its caller's, and are not masked.
"""

from __future__ import annotations

import re

MASK = "***"

_SECRET_NAME = re.compile(r"(?i)passw|passphrase|secret|token|authoriz|api_?key|cookie|credential|private_?key")
#: One look at a value that says whether the dearer ones are worth it: most values are a word.
_SUSPECT = re.compile(r"[@+]|(?i:bearer|basic |passw|secret|token|api.?key)")
_IN_URL = re.compile(r"([a-zA-Z][\w+.-]{1,20}://[^\s:/@]{0,200}:)[^\s@]{1,500}@")
_SCHEME = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{3,}")
_NAMED = re.compile(
    r"(?i)((?:passw(?:or)?d|passphrase|secret|token|api[_-]?key)[\"']?\s{0,3}[=:]\s{0,3}[\"']?)[^\s\"',;&)}]{1,500}"
)
_ADDRESS = re.compile(r"([\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]{0,63}@((?:[\w-]{1,63}\.){1,8}[\w-]{2,63})")
#: What stands right after "+" where it is the sign of a quantity: decimals, thousands, or so few digits in one piece
#: that a unit may follow.
_QUANTITY = (
    r"\d{4,}\.\d|\d{1,3}(?:\.\d{3})+(?![\w.])"
    r"|\d{1,10}[ \u00a0]?(?:[%€]|(?:EUR|USD|bytes?|rows?|lines?|jobs?|[KMGT]?i?B|[mµnu]?s|min|h)\b)"
)
#: Where it begins an offset: after a clock time, its fraction or a zone's name, of ten hours or more (a lesser one
#: begins with 0, as no number does).
_OFFSET = r"(?:(?<=:\d\d )|(?<=\.\d{3} )|(?<=\.\d{6} )|(?<=UTC )|(?<=GMT ))\+1[0-4](?::?(?:00|30|45))?(?!\d)"
#: What people put between a number's groups: also no-break and thin spaces, and hyphens that typesetters use.
_BETWEEN = r"[ \u00a0\u2007\u2009\u202f().\-\u2010-\u2013/]"
#: An international telephone number, as leads are stored by and as people write it: "+" and 8 to 15 digits (ITU-T
#: E.164), grouped or not. Without "+" it could be an id, a size or a moment.
_TELEPHONE = re.compile(
    rf"(?<![\w.+-])(?!\+(?:{_QUANTITY}))(?!{_OFFSET})(\+[1-9])(?:\d{{7,14}}|(?:{_BETWEEN}{{0,3}}\d){{7,14}})(?!\w|[.,]\d)"
)


def is_secret(name: str) -> bool:
    """Whether a field of that name holds a secret, whatever its value."""
    return _SECRET_NAME.search(name) is not None


def masked_text(text: str, *, addresses: bool) -> str:
    """`text` without the secrets that can be told by their form and, if asked, without mail addresses' local parts
    and international telephone numbers but for their first digit.
    """
    if _SUSPECT.search(text) is None:
        return text
    text = _IN_URL.sub(rf"\1{MASK}@", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    text = _SCHEME.sub(rf"\1 {MASK}", text)
    if not addresses:
        return text
    text = _ADDRESS.sub(rf"\1{MASK}@\2", text)
    return _TELEPHONE.sub(rf"\1{MASK}", text) if "+" in text else text
