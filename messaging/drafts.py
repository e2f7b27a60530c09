"""Writes replies to leads: the `Drafter` interface, and the drafter that needs no model.

The deterministic drafter says little and nothing untrue: thanks, the client's known prices if they are asked for, at
most three offered times or a known link, a question, the signature. It answers in English whatever language it is
written to.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from messaging.dispositions import Disposition, disposition
from messaging.guardrails.phrases import any_of
from messaging.guardrails.plain_text import normalised
from messaging.patterns import regex

#: Names the template and its wording: changed with either.
PROMPT_KEY = "reply.deterministic.v2"
MODEL = "deterministic"
#: More times than these are read as a list to search, not as an offer.
SLOTS_SHOWN = 3
#: And more prices than these are a price list.
PRICES_SHOWN = 5

#: What mail programs put before the subject of a reply or forward, in the languages seen.
_MARKS = regex(r"^(?:(?:re|aw|sv|antw|ant|vs|r\u00e9f|odp|fw|fwd|wg|tr)(?:\[\d+\])?\s?:\s*)+", re.IGNORECASE)

#: What is answered where nothing is left to arrange.
_CLOSED = {
    Disposition.OPTS_OUT: "Thank you for letting us know. We will not write to you again.",
    Disposition.DECLINES: "Thank you for letting us know. We will not follow up on this any further.",
    Disposition.LATER: "Thank you for letting us know. We leave it there for now; write to us whenever it suits you.",
    Disposition.OUT_OF_OFFICE: "Thank you for letting us know that you are away. Write to us whenever it suits you.",
}
_PRICE_ASKED = any_of(
    r"(?:prices?|pricing|costs?|rates?|fees?|tariffs?|quote|how much|preise?|kostet|kosten|angebot|tarifs?|prix|combien"
    r"|precios?|cuánto (?:cuesta|vale))\b"
)

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """What a reply is written from. Slots are aware and offered on the clock of `zone`; `inbound_sent_at` is aware.

    `known_prices` are the client's own words; `objections` say what was wrong with the reply as last written.
    """

    inbound_text: str
    inbound_subject: str
    inbound_sent_at: datetime
    lead_name: str
    client_name: str
    zone: tzinfo
    offered_slots: Sequence[datetime] = ()
    known_links: Sequence[str] = ()
    signature: str = ""
    channel: str = "email"
    known_prices: Sequence[str] = ()
    objections: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DraftText:
    """A written reply and how it came about: prompt, model, and SHA-256 of the request (hex)."""

    subject: str
    body: str
    prompt_key: str
    model: str
    inputs_digest: str


class Drafter(Protocol):
    """Writes one reply; the same request gives the same inputs digest."""

    def draft(self, request: DraftRequest) -> DraftText: ...


class DeterministicDrafter:
    """A template: the same request always gives the same reply."""

    def draft(self, request: DraftRequest) -> DraftText:
        paragraphs = [_greeting(request.lead_name), *_middle(request), _closing(request)]
        return DraftText(
            subject=reply_subject(request.inbound_subject),
            body="\n\n".join(paragraphs) + "\n",
            prompt_key=PROMPT_KEY,
            model=MODEL,
            inputs_digest=inputs_digest(request),
        )


def reply_subject(subject: str) -> str:
    """`subject` as a reply's, in one line: one `Re:`, whatever the lead's client has put before it."""
    plain = " ".join(subject.split())
    bare = _MARKS.sub("", plain)
    return f"Re: {bare}" if bare else "Re: your message"


def inputs_digest(request: DraftRequest) -> str:
    """SHA-256 (hex) over every field of the request: a stored draft can be traced to what it was written from."""
    inputs = [
        request.inbound_text,
        request.inbound_subject,
        request.inbound_sent_at.isoformat(),
        request.lead_name,
        request.client_name,
        str(request.zone),
        [slot.isoformat() for slot in request.offered_slots],
        list(request.known_links),
        request.signature,
        request.channel,
        list(request.known_prices),
        list(request.objections),
    ]
    return hashlib.sha256(json.dumps(inputs, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def _greeting(lead_name: str) -> str:
    """The name as the lead writes it; none where it is an address or no name at all."""
    name = " ".join(lead_name.split())
    usable = name and len(name) <= 60 and not re.search(r"[@<>\d:/\\{}\[\]]", name)
    return f"Hello {name}," if usable else "Hello,"


def _middle(request: DraftRequest) -> list[str]:
    kind = disposition(request.inbound_text, request.inbound_subject)
    if kind in _CLOSED:
        return [_CLOSED[kind]]
    thanks = "Thank you for your message."
    if request.known_prices and _PRICE_ASKED.search(normalised(request.inbound_text)):
        prices = "\n".join(f"- {price}" for price in request.known_prices[:PRICES_SHOWN])
        return [thanks, f"Our prices:\n{prices}", *_invitation(request)]
    return [thanks, *_invitation(request)]


def _invitation(request: DraftRequest) -> list[str]:
    slots = sorted(set(request.offered_slots))[:SLOTS_SHOWN]
    if slots:
        offer = "\n".join(f"- {slot_words(slot, request.zone)}" for slot in slots)
        return [f"These times are open for a call:\n{offer}", "Which of them suits you best?"]
    if request.known_links:
        return [f"You can choose a time for a call here: {request.known_links[0]}"]
    return ["Could you tell me which days and times would suit you for a call?"]


def slot_words(slot: datetime, zone: tzinfo) -> str:
    """`Tuesday, March 3, 2026 at 10:00 AM (EST)`, on the clock of `zone`; English whatever the machine's locale."""
    local = slot.astimezone(zone)
    half = "AM" if local.hour < 12 else "PM"
    return (
        f"{_WEEKDAYS[local.weekday()]}, {_MONTHS[local.month - 1]} {local.day}, {local.year}"
        f" at {local.hour % 12 or 12}:{local.minute:02d} {half} ({local.tzname() or zone})"
    )


def _closing(request: DraftRequest) -> str:
    return request.signature.strip() or f"Kind regards,\n{' '.join(request.client_name.split())}".rstrip()
