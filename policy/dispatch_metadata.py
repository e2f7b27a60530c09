"""What a tick tells the two functions about itself, and how they read it back. It must not know jobs or rows.

The names are those of the wire: camelCase, because they travel in a message's arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

#: The window's length that a call by hand, without a window, is taken to have, in s.
HAND_SECONDS = 60
_SECONDS = range(1, 86_401)


@dataclass(frozen=True, slots=True)
class DispatchMetadata:
    """Who asked, when, under which key and family, and for which window. Times are aware UTC."""

    source: str
    requested_at: datetime
    dispatch_key: str
    correlation_id: str
    window_start: datetime
    window_seconds: int

    @property
    def before(self) -> tuple[datetime, datetime]:
        """The period just before the window: what its functions look back on, so that no two overlap."""
        return self.window_start - timedelta(seconds=self.window_seconds), self.window_start

    def on_the_wire(self) -> dict[str, Any]:
        """As JSON-able arguments."""
        return {
            "source": self.source,
            "requestedAt": _text(self.requested_at),
            "dispatchKey": self.dispatch_key,
            "correlationId": self.correlation_id,
            "windowStart": _text(self.window_start),
            "windowSeconds": self.window_seconds,
        }


def parse(given: Mapping[str, Any]) -> DispatchMetadata:
    """What `on_the_wire` gave. Raises ValueError naming the first field that is missing or not of its kind."""
    seconds = given.get("windowSeconds")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds not in _SECONDS:
        raise ValueError(f"windowSeconds: a number of seconds from 1 to {_SECONDS[-1]}, not {seconds!r:.80}")
    return DispatchMetadata(
        source=_word(given, "source"),
        requested_at=_moment(given, "requestedAt"),
        dispatch_key=_word(given, "dispatchKey"),
        correlation_id=_word(given, "correlationId"),
        window_start=_moment(given, "windowStart"),
        window_seconds=seconds,
    )


def by_hand(now: datetime, dispatch_key: str, correlation_id: str, source: str | None) -> DispatchMetadata:
    """The metadata of a call without any: the minute before `now` (aware)."""
    return DispatchMetadata(source or "hand", now, dispatch_key, correlation_id, now, HAND_SECONDS)


def _word(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: a text, not {value!r:.80}")
    return value


def _moment(given: Mapping[str, Any], name: str) -> datetime:
    text = _word(given, name)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"{name}: an ISO 8601 time, not {text!r:.80}") from None
    if moment.utcoffset() is None:
        raise ValueError(f"{name}: a time with its zone, not {text!r:.80}")
    return moment.astimezone(timezone.utc)


def _text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
