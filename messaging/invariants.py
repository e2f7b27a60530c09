"""The five critical invariants of a draft (docs/invariants.md). Pure: it judges words, and never mends them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timezone, tzinfo

from messaging.formats import Channel
from messaging.guardrails.plain_text import clauses, is_blank, normalised, piece_at, without_quotes
from messaging.guardrails.scheduling_links import canonical, link_hints, scheduling_links
from messaging.guardrails.stances import (
    asks,
    asks_for_information,
    sells,
    settles_firmly,
    settles_loosely,
    speaks_logistics,
    wants_to_book,
)
from messaging.guardrails.times_at_hand import DraftTimes, KnownTimes, draft_times, known_times

#: In the order in which they are reported.
CRITICAL_INVARIANTS = (
    "empty_draft",
    "slot_mismatch",
    "date_mismatch",
    "fabricated_link",
    "non_logistics_reply",
)


@dataclass(frozen=True, slots=True)
class DraftContext:
    """What the draft answers and what it may say.

    `inbound_sent_at` (aware) dates the lead's words and the draft's `tomorrow`, unless `drafted_on` is given.
    `offered_slots` are aware; `zone` is the clock in which draft and lead read them. `known_prices` and `channel`
    matter to `messaging.objections` alone; without knowledge of prices (None) none is judged.
    """

    inbound_text: str
    inbound_sent_at: datetime
    offered_slots: tuple[datetime, ...] = ()
    zone: tzinfo = timezone.utc
    known_links: tuple[str, ...] = ()
    drafted_on: date | None = field(default=None)
    known_prices: tuple[str, ...] | None = None
    channel: Channel = Channel.EMAIL


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant, and the draft's words that break it (empty for `empty_draft`)."""

    name: str
    evidence: str


@dataclass(frozen=True, slots=True)
class _Case:
    draft: str
    inbound: str
    context: DraftContext
    said: DraftTimes
    known: KnownTimes


def violations(draft_text: str, context: DraftContext) -> list[Violation]:
    """The invariants that `draft_text` breaks, each at most once, in the order of CRITICAL_INVARIANTS."""
    if is_blank(draft_text):
        return [Violation("empty_draft", "")]
    case = _case(draft_text, context)
    judged = [(name, _RULES[name](case)) for name in CRITICAL_INVARIANTS[1:]]
    return [Violation(name, evidence) for name, evidence in judged if evidence is not None]


def _case(draft_text: str, context: DraftContext) -> _Case:
    draft, inbound = normalised(without_quotes(draft_text)), normalised(context.inbound_text)
    sent_on = context.inbound_sent_at.astimezone(context.zone).date()
    known = known_times(inbound, context.inbound_sent_at, context.offered_slots, context.zone)
    said = draft_times(draft, context.drafted_on or sent_on, known)
    return _Case(draft, inbound, context, said, known)


def _slot_mismatch(case: _Case) -> str | None:
    """Slots are offered, none is quoted, and a time is named that is neither the lead's nor asked within a window."""
    if not case.context.offered_slots or any(case.known.offers(each) for each in case.said.moments):
        return None
    return next((each.words for each in case.said.moments if not case.known.excuses(each, case.said)), None)


def _date_mismatch(case: _Case) -> str | None:
    """A draft that commits, and a date neither offered nor the lead's."""
    if settles_firmly(case.draft):
        settled = list(case.said.meeting_dates)
    elif settles_loosely(case.draft):
        in_clauses = clauses(case.draft)
        settled = [each for each in case.said.meeting_dates if not asks(piece_at(in_clauses, each.begin).words)]
    else:
        return None
    return next((each.words for each in settled if not case.known.has_date(each)), None)


def _fabricated_link(case: _Case) -> str | None:
    """A scheduling link, shown or hinted at, that is neither known nor the lead's."""
    own = {canonical(link) for link in case.context.known_links}
    allowed = own | set(scheduling_links(case.inbound))
    shown = scheduling_links(case.draft)
    unknown = next((link for link in shown if link not in allowed), None)
    if unknown or shown or own:
        return unknown
    return next(iter(link_hints(case.draft)), None)


def _non_logistics_reply(case: _Case) -> str | None:
    """The lead wants to book, there are slots, and the draft praises instead of arranging."""
    names_time = bool(case.known.lead_moments or case.known.lead_days)
    wants = wants_to_book(case.inbound, names_time=names_time) and not asks_for_information(case.inbound)
    if not case.context.offered_slots or not wants:
        return None
    days = [each for each in case.said.dates if not each.relative]
    arranges = case.said.moments or days or speaks_logistics(case.draft) or scheduling_links(case.draft)
    return None if arranges or not sells(case.draft) else case.draft.strip()[:120]


_RULES: dict[str, Callable[[_Case], str | None]] = {
    "slot_mismatch": _slot_mismatch,
    "date_mismatch": _date_mismatch,
    "fabricated_link": _fabricated_link,
    "non_logistics_reply": _non_logistics_reply,
}
