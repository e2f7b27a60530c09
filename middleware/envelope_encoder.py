"""Dramatiq's JSON by a faster writer and reader, for the messages whose arguments are plain. It must not know options.

What Dramatiq's own encoder would write and read for everything else is its own affair: it is asked.
"""

from __future__ import annotations

from typing import Any

import dramatiq
import orjson
from dramatiq import JSONEncoder

#: Types of which orjson gives back what json would. It takes more (ids, dates, enumerations) that json refuses, it
#: makes null of a float that is no number, and a float of an integer past 64 bits.
_PLAIN = frozenset({str, int, bool, type(None)})
_SEQUENCES = (tuple, list)


class QuickJSONEncoder(JSONEncoder):
    """The bytes and messages of Dramatiq's JSONEncoder; text past ASCII is written as UTF-8, not escaped.

    What it saved a message: docs/decisions/0063. Nested arguments go Dramatiq's own way.
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


def _is_plain(fields: Any) -> bool:
    try:
        args, kwargs, options = fields["args"], fields["kwargs"], fields["options"]
        return (
            type(fields["message_timestamp"]) is int
            and type(fields["message_id"]) is str
            and type(args) in _SEQUENCES
            and _PLAIN.issuperset(map(type, args))
            and _PLAIN.issuperset(map(type, kwargs.values()))
            and _PLAIN.issuperset(map(type, options.values()))
        )
    except (TypeError, KeyError, AttributeError):  # no envelope
        return False
