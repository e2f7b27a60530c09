"""Every id and key that is derived rather than drawn: the same input gives the same name on every machine."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import NamedTuple
from uuid import UUID, uuid5

#: Under this namespace lie the ids of messages whose own id is not a UUID. Never change it.
FOREIGN_MESSAGES = UUID("6d2f3b0a-7c0e-5a52-9a53-0b8c6f3f4a11")

_CANONICAL = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

#: Longest dispatch key in bytes of UTF-8; a btree entry of PostgreSQL takes 2,704.
DISPATCH_KEY_BYTES = 512

#: Bytes of randomness in a UUIDv7 (74 of their 80 bits are used; RFC 9562 §5.7).
JOB_ID_RANDOM_BYTES = 10

#: Hex digits of a digest that stand in an id: 96 bits, as the contract fixes it.
DIGEST_DIGITS = 24


def job_id_of(message_id: str) -> UUID:
    """The job id of a message: its own id if that is a UUID in canonical form, else one derived from it.

    Other spellings of a UUID are foreign: two messages whose ids differ as texts never share a job.
    """
    return UUID(message_id) if _CANONICAL.fullmatch(message_id) else _foreign_job_id(message_id)


def _foreign_job_id(message_id: str) -> UUID:
    # Escaped, because JSON may carry lone surrogates, which UTF-8 cannot.
    return uuid5(FOREIGN_MESSAGES, message_id.encode("unicode_escape").decode("ascii"))


def new_job_id(now_ms: int, rand: bytes) -> UUID:
    """A UUIDv7: 48 bits of Unix time in milliseconds, then 74 random bits, so that ids sort by age.

    `rand` holds at least ten bytes (ValueError otherwise); `now_ms` lies in 0 … 2^48 - 1.
    """
    if len(rand) < JOB_ID_RANDOM_BYTES:
        raise ValueError(f"rand must hold {JOB_ID_RANDOM_BYTES} bytes, not {len(rand)}")
    if not 0 <= now_ms < 1 << 48:
        raise ValueError(f"now_ms must fit 48 bits, not {now_ms}")
    bits = int.from_bytes(rand[:JOB_ID_RANDOM_BYTES], "big")
    rand_a, rand_b = bits >> 68, bits & ((1 << 62) - 1)
    return UUID(int=now_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def run_key(function: str, job_id: UUID | str, attempt: int) -> str:
    """The name of one attempt."""
    return f"{function}:{job_id}:{attempt}"


def redis_id(job_id: UUID | str, release: int) -> str:
    """The Redis id of a job's copy under one release: an enqueue that is repeated meets its own id."""
    job = job_id if isinstance(job_id, UUID) else UUID(job_id)
    # uuid5 without its detour over a UUID's integer: half of what a copy cost.
    digest = hashlib.sha1(job.bytes + b"release:%d" % release, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def follow_up_key(parent_id: UUID | str, attempt: int, kind: str) -> str:
    """The dispatch key of what follows from an attempt: a pipeline's next step, a callback, a group's end."""
    return f"follow-up:{parent_id}:{attempt}:{kind}"


def reply_effect_key(lead_message_id: UUID | str | int, part: int) -> str:
    """The effect key of one part of the reply to an inbound lead message."""
    return f"reply:{lead_message_id}:{part}"


def internet_message_id(effect_key: str, domain: str) -> str:
    """The `Message-ID` of the mail an effect sends, the same at every try, so that it can be found again.

    Raises ValueError for a domain that would break the header.
    """
    if not domain or not domain.isprintable() or set(domain) & set(" <>@"):
        raise ValueError(f"not a domain for a Message-ID: {domain!r}")
    return f"<{_digest(effect_key)}@{domain}>"


def check_dispatch_key(text: str) -> str:
    """`text` itself if it can be a dispatch key; else ValueError with one line that says why."""
    if not text:
        raise ValueError("a dispatch key must not be empty")
    # What is printable holds neither; a look at each character would be a tenth of a dispatch.
    if not text.isprintable() and any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text):
        raise ValueError("a dispatch key must not hold control characters or lone surrogates")
    size_bytes = len(text.encode())
    if size_bytes > DISPATCH_KEY_BYTES:
        raise ValueError(f"a dispatch key holds at most {DISPATCH_KEY_BYTES} bytes, not {size_bytes}")
    return text


class BackgroundIds(NamedTuple):
    """The dispatch keys of the two jobs of one dispatch window."""

    process: str
    maintenance: str


def background_ids(window_key: str) -> BackgroundIds:
    """The two jobs' dispatch keys, derived from the window's key."""
    digest = _digest(window_key)
    return BackgroundIds(f"bg-process:{digest}", f"bg-maint:{digest}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]
