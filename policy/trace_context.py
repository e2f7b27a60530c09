"""W3C trace context: what of `traceparent` and `tracestate` may be carried on, and what must be dropped.

Pure text (https://www.w3.org/TR/trace-context/); it must not know who makes spans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Characters of a `traceparent` of version 00.
TRACEPARENT_LENGTH = 55
#: Characters of a longer one of a version to come; what is past it is nobody's we know.
LONGEST_TRACEPARENT = 200
#: Characters and members of a `tracestate` that are carried on (§3.3.1.5 asks for at least 512 characters).
LONGEST_TRACESTATE = 512
MOST_MEMBERS = 32

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace. Ids are lower-case hex of 32 and 16 digits, neither all zeros."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str | None = None

    @property
    def traceparent(self) -> str:
        """As version 00 writes it."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.sampled else 0:02x}"


def parse(traceparent: object, tracestate: object = None) -> TraceContext | None:
    """The context that two options or headers name, None where the first is none; a bad state is left out (§4.3)."""
    if not isinstance(traceparent, str) or not TRACEPARENT_LENGTH <= len(traceparent) <= LONGEST_TRACEPARENT:
        return None
    found = _PARENT.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED), valid_state(tracestate))


def valid_parent(value: object) -> str | None:
    """`value` as it came if it is a `traceparent`; else None: what nobody can read is not carried on."""
    return value if isinstance(value, str) and parse(value) is not None else None


def valid_state(value: object) -> str | None:
    """`value` if it is a `tracestate` of a length that is carried on; else None."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TRACESTATE:
        return None
    members = [member.strip(" \t") for member in value.split(",")]
    named = [member for member in members if member]
    if not named or len(members) > MOST_MEMBERS or not all(_MEMBER.fullmatch(member) for member in named):
        return None
    return value
