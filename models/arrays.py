"""Python lists as PostgreSQL array literals: one constant for the server to parse instead of one an element.

psycopg2 writes a list as `ARRAY[...]`: a Python call and a parse node an element. For a claim of 128 copies that took
more of Python's time than all the rest of the claim. It must not know what is in the arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import orjson
import psycopg2

#: JSON's escapes. Array literals know two of them, the backslash and the quotation mark; the others are undone.
_ESCAPED = re.compile(r'\\(?:[\\"bfnrt]|u[0-9a-f]{4})')
_FOREIGN = re.compile(r"\\[bfnrtu]")
_PLAIN = {r"\b": "\b", r"\f": "\f", r"\n": "\n", r"\r": "\r", r"\t": "\t"}


def array_literal(values: Sequence[object]) -> str:
    """A flat list of texts, numbers, booleans, times, UUIDs, bytes or None as an array literal of any such type.

    What is no finite number becomes null. Raises psycopg2.DataError for what UTF-8 cannot carry (a lone surrogate) and
    for an integer of more than 64 bits.
    """
    try:
        text = orjson.dumps(values, default=_hex).decode()
    except TypeError as error:
        raise psycopg2.DataError(str(error)) from error
    if _FOREIGN.search(text):
        text = _ESCAPED.sub(_unescaped, text)
    return "{" + text[1:-1] + "}"


def uuid_array(ids: Iterable[UUID]) -> str:
    """The literal of a `uuid[]`."""
    return array_literal(list(ids))


def _hex(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime):  # a subclass of it
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot stand in an array")


def _unescaped(escape: re.Match[str]) -> str:
    text = escape[0]
    if text.startswith(r"\u"):
        return chr(int(text[2:], 16))
    return _PLAIN.get(text, text)
