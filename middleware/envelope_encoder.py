"""Dramatiq's JSON by a faster writer and reader, for the messages whose arguments are plain. It must not know options.

What Dramatiq's own encoder would write and read for everything else is its own affair: it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dramatiq
import orjson
from dramatiq import JSONEncoder

#: Types of which orjson gives back what json would. It takes more (ids, dates, enumerations) that json refuses, it
#: makes null of a float that is no number, and a float of an integer past 64 bits.
_PLAIN = frozenset({str, int, bool, type(None)})
#: The fields of an envelope that hold what users and middleware put into it.
_OPEN_FIELDS = ("kwargs", "options")


class QuickJSONEncoder(JSONEncoder):
    """The bytes and messages of Dramatiq's JSONEncoder; text past ASCII is written as UTF-8, not escaped.

    Encodes at a fifth and decodes at a half of its cost (benchmarks/log_cost.py); nested arguments go its own way.
    """

    def encode(self, data: dict[str, Any]) -> bytes:
        if _is_plain(data):
            try:
                return orjson.dumps(data)
            except (TypeError, ValueError):  # an integer past 64 bits, a lone surrogate, a key that is no text
                pass
        return super().encode(data)

    def decode(self, data: bytes) -> dict[str, Any]:
        try:
            fields: dict[str, Any] = orjson.loads(data)
        except ValueError:
            return super().decode(data)
        return fields if _is_plain(fields) else super().decode(data)


def install() -> None:
    """Make it this process's encoder, unless the application has chosen one."""
    if type(dramatiq.get_encoder()) is JSONEncoder:
        dramatiq.set_encoder(QuickJSONEncoder())


def _is_plain(fields: object) -> bool:
    if not isinstance(fields, dict):
        return False
    args = fields.get("args")
    return (
        isinstance(args, (list, tuple))
        and _all_plain(args)
        and all(isinstance(opened := fields.get(name), dict) and _all_plain(opened.values()) for name in _OPEN_FIELDS)
    )


def _all_plain(values: Iterable[object]) -> bool:
    return _PLAIN.issuperset(map(type, values))
