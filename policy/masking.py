"""What of a log line's values is not to be read by whoever reads logs: secrets always, mail addresses by default.

Pure text. It must not know lines; the names of keys and ids are its caller's, and are not masked.
"""

from __future__ import annotations

import re

MASK = "***"

_SECRET_NAME = re.compile(r"(?i)passw|passphrase|secret|token|authoriz|api_?key|cookie|credential|private_?key")
#: One look at a value that says whether the dearer ones are worth it: most values are a word.
_SUSPECT = re.compile(r"@|(?i:bearer|basic |passw|secret|token|api.?key)")
_IN_URL = re.compile(r"([a-zA-Z][\w+.-]{1,20}://[^\s:/@]{0,200}:)[^\s@]{1,500}@")
_SCHEME = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{3,}")
_NAMED = re.compile(
    r"(?i)((?:passw(?:or)?d|passphrase|secret|token|api[_-]?key)[\"']?\s{0,3}[=:]\s{0,3}[\"']?)[^\s\"',;&)}]{1,500}"
)
_ADDRESS = re.compile(r"([\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]{0,63}@((?:[\w-]{1,63}\.){1,8}[\w-]{2,63})")


def is_secret(name: str) -> bool:
    """Whether a field of that name holds a secret, whatever its value."""
    return _SECRET_NAME.search(name) is not None


def masked_text(text: str, *, addresses: bool) -> str:
    """`text` without the secrets that can be told by their form and, if asked, without mail addresses' local parts."""
    if _SUSPECT.search(text) is None:
        return text
    text = _IN_URL.sub(rf"\1{MASK}@", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    text = _SCHEME.sub(rf"\1 {MASK}", text)
    return _ADDRESS.sub(rf"\1{MASK}@\2", text) if addresses else text
