"""When a reply goes out, and on whose clock: a delay drawn from the lead message's id, so that all who ask agree.

Pure; it knows neither rows nor jobs.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

#: A time that has passed already becomes this long from now, in s: nobody answers the moment a mail is read.
FLOOR_S = 30


def drawn_delay_s(lead_message_id: UUID, least_s: int, most_s: int) -> int:
    """Seconds from `least_s` to `most_s`, both included; the same for the same id, spread evenly over ids."""
    number = int.from_bytes(hashlib.sha256(lead_message_id.bytes).digest()[:8], "big")
    return least_s + number % (most_s - least_s + 1)


def send_at(lead_message_id: UUID, sent_at: datetime, now: datetime, least_s: int, most_s: int) -> datetime | None:
    """When to answer a lead message that was sent at `sent_at`; None means at once, which only 0 to 0 says."""
    if most_s == 0:
        return None
    wanted = sent_at + timedelta(seconds=drawn_delay_s(lead_message_id, least_s, most_s))
    return wanted if wanted > now else now + timedelta(seconds=FLOOR_S)


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that IANA name."""
    try:
        return bool(name) and ZoneInfo(name) is not None
    except (ValueError, OSError, LookupError):
        return False


def zone_named(name: str) -> tzinfo:
    """The time zone of that IANA name; UTC where there is none: a client's typing error must not stop its mail."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return ZoneInfo("UTC")
