"""Which fields of a line are masked, and how deep: values by their form, fields by their name, ids not at all.

It must not know where lines go.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from middleware.log_lines import safe_text
from policy.masking import MASK, is_secret, masked_text

#: Names and ids by which a line is found; who puts an address into a key of his own wants it to be found.
IDS = frozenset(
    {
        "event",
        "logger",
        "actor",
        "queue",
        "job_id",
        "dispatch_key",
        "correlation_id",
        "client_id",
        "worker_id",
        "effect_key",
        "traceparent",
        "traceback",
        "error_class",
    }
)
#: Levels of lists and mappings inside a field that are looked into; what lies deeper is named by its type.
_DEPTH = 4

is_secret_name = lru_cache(maxsize=1_024)(is_secret)


def masked_fields(fields: Mapping[str, object], *, addresses: bool) -> dict[str, object]:
    """The fields as they may be written; `addresses`: mail addresses and telephone numbers are masked, too."""
    return {
        name: value
        if name in IDS or value is None or type(value) in (int, float, bool)
        else MASK
        if is_secret_name(name)
        else _masked(value, addresses, _DEPTH)
        for name, value in fields.items()
    }


def _masked(value: object, addresses: bool, depth: int) -> object:
    if isinstance(value, str):
        return masked_text(value, addresses=addresses)
    if value is None or isinstance(value, int | float):
        return value
    if depth == 0:
        return f"<{type(value).__name__}>"
    if isinstance(value, list | tuple):
        return [_masked(item, addresses, depth - 1) for item in value]
    if isinstance(value, dict):
        return {
            key: MASK if isinstance(key, str) and is_secret_name(key) else _masked(item, addresses, depth - 1)
            for key, item in value.items()
        }
    return masked_text(safe_text(value), addresses=addresses)
