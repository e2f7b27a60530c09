"""Names the effect API for actors; what it does stands in `middleware.effects`."""

from __future__ import annotations

from middleware.effects import Done, Refused, once
from policy.effects import Found, NotFound, Unknown

__all__ = ["Done", "Found", "NotFound", "Refused", "Unknown", "once"]
