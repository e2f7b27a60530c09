"""How one log line is put into text: safe values, capped tracebacks, one line whatever the values hold.

It must not know where lines go, nor read the scope: `logs` hands it a finished mapping.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from itertools import islice
from types import TracebackType
from typing import Any

import orjson

#: Bytes of a line; past it every text in the line is cut to `LONG_TEXT`: a line of any length would be torn
#: where several processes share a pipe.
LONGEST_LINE = 16_384
#: Characters of a text in a line that was too long.
LONG_TEXT = 400
#: Characters of a text in a line that is too long even so.
SHORT_TEXT = 40
#: Fields kept of a line that was too long.
MANY_FIELDS = 40
#: Characters of an error's first line; the ledger keeps the rest.
LONGEST_ERROR_TEXT = 200
#: Errors whose text is the payload itself (dramatiq.errors.DecodeError prints the bytes it could not read).
TEXTLESS = frozenset({"DecodeError"})
#: Frames kept of a traceback, the innermost ones, of each error in a chain.
DEEPEST_TRACEBACK = 12
#: Errors kept of a chain of causes.
LONGEST_CHAIN = 3

# What can end a line, hide text or reverse it in a terminal or viewer, yet may stand raw in JSON: DEL and C1,
# soft hyphen, Arabic letter mark, zero-width and bidi controls, line and paragraph separators, BOM, tags.
_TREACHEROUS = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_EVENT_NAME = re.compile(r"[a-z][a-z0-9_.]{0,79}")
_PLAIN_VALUE = re.compile(r"[^\s\"'=\\\x00-\x20\x7f]+")


def is_event_name(text: str) -> bool:
    """Whether a line's text is a name (`lead_received`) rather than prose."""
    return _EVENT_NAME.fullmatch(text) is not None


def encode_json(line: Mapping[str, object]) -> str:
    """One JSON object and a newline. Never raises for what a value holds."""
    data = _dump(line)
    for limit in (LONG_TEXT, SHORT_TEXT):
        if len(data) > LONGEST_LINE:
            data = _dump(_shortened(line, limit))
    if data.isascii() and b"\x7f" not in data:
        return data.decode("ascii")
    return _TREACHEROUS.sub(_escaped, data.decode("utf-8"))


def encode_text(line: Mapping[str, object]) -> str:
    """`<at> <LEVEL> <event> key=value …` and a newline, for people; what is no plain word is quoted."""
    rest = (f" {_word(key)}={_word(value)}" for key, value in line.items() if key not in {"at", "level", "event"})
    return f"{line['at']} {line['level']!s:<8} {_word(line['event'])}{''.join(rest)}\n"


def error_fields(error: BaseException, *, with_text: bool = True, with_frames: bool = True) -> dict[str, object]:
    """`error_class`, `error_message` (first line, capped) and `traceback` (places only, no error texts).

    `with_text=False` for errors raised by actors: their texts quote arguments. The ledger keeps those.
    """
    fields: dict[str, object] = {"error_class": type(error).__qualname__}
    if with_text and type(error).__name__ not in TEXTLESS:
        fields["error_message"] = _first_line(error)
    if with_frames and error.__traceback__ is not None:
        fields["traceback"] = "\n".join(_chain(error))
    return fields


def safe_text(value: object) -> str:
    """`str(value)`, or the name of its type where that fails; bytes are never shown."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{type(value).__name__} of {len(value)}>"
    if isinstance(value, BaseException):
        return type(value).__qualname__
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__qualname__}>"


def _dump(line: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(line, default=safe_text, option=orjson.OPT_APPEND_NEWLINE)
    except (TypeError, ValueError, RecursionError):
        # Lone surrogates, integers past 64 bits, odd keys, cycles: rare, so they pay for the second pass.
        return orjson.dumps(_shortened(line, LONG_TEXT), default=safe_text, option=orjson.OPT_APPEND_NEWLINE)


def _shortened(line: Mapping[str, object], limit: int) -> dict[str, object]:
    return {_clean(key, limit): _plain(value, limit) for key, value in islice(line.items(), MANY_FIELDS)}


def _plain(value: object, limit: int) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(2**53) < value < 2**53:
        return value
    return _clean(safe_text(value), limit)


def _clean(text: object, limit: int) -> str:
    cut = safe_text(text)[:limit]
    return cut.encode("utf-8", "backslashreplace").decode("utf-8")


def _escaped(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _word(value: object) -> str:
    if isinstance(value, str) and _PLAIN_VALUE.fullmatch(value) and not _TREACHEROUS.search(value):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            pass
        else:
            return value[:LONG_TEXT]
    return encode_json({"": value})[4:-2]


def _first_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        return ""
    return text.strip().split("\n", 1)[0][:LONGEST_ERROR_TEXT]


def _chain(error: BaseException) -> list[str]:
    lines: list[str] = []
    cause: BaseException | None = error
    for _ in range(LONGEST_CHAIN):
        if cause is None:
            break
        lines.append(type(cause).__qualname__)
        lines.extend(_frames(cause.__traceback__))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return lines


def _frames(trace: TracebackType | None) -> list[str]:
    summary = traceback.StackSummary.extract(traceback.walk_tb(trace), limit=-DEEPEST_TRACEBACK, lookup_lines=False)
    return [f"  {frame.filename}:{frame.lineno} {frame.name}"[:LONG_TEXT] for frame in summary]


Encoder = Callable[[Mapping[str, Any]], str]

#: The formats of `CALLBOARD_LOG_FORMAT`.
ENCODERS: dict[str, Encoder] = {"json": encode_json, "text": encode_text}
