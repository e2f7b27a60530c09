"""Making any text fit for a row: PostgreSQL takes no NUL and no lone surrogates, and errors talk long."""

from __future__ import annotations

import re

#: What stands where something was cut or could not be kept.
ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def cap_text(text: str, size_bytes: int, *, keep_end: bool = False) -> str:
    """`text` scrubbed and cut to at most `size_bytes` of UTF-8, never in the middle of a character.

    A cut is marked by "…" where there is room for it. `keep_end` keeps the end rather than the beginning:
    a traceback says most in its last lines.
    """
    room = max(size_bytes, 0)
    # A character is at least one byte: what lies beyond needs no scrubbing, however long the text.
    near = (text[-room - 1 :] if keep_end else text[: room + 1]) if room else ""
    data = _UNSTORABLE.sub(REPLACEMENT, near).encode()
    if len(data) <= room and len(near) == len(text):
        return data.decode()
    mark = ELLIPSIS if len(ELLIPSIS.encode()) <= room else ""
    kept_bytes = room - len(mark.encode())
    if keep_end:
        return mark + data[len(data) - kept_bytes :].decode(errors="ignore")
    return data[:kept_bytes].decode(errors="ignore") + mark
