"""The objective checks of a draft: what can be seen to be wrong without an opinion. Pure.

The critical invariants stand apart (messaging/invariants.py); what the pipeline itself objects to counts here, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from messaging.guardrails.booking_phrases import REFUSES
from messaging.guardrails.plain_text import normalised, without_quotes
from messaging.guardrails.scheduling_links import scheduling_links
from messaging.guardrails.stances import asks, asks_for_information, sells, speaks_logistics, wants_to_book
from messaging.guardrails.times_at_hand import draft_times, known_times
from messaging.invariants import CRITICAL_INVARIANTS, DraftContext
from messaging.objections import objections
from messaging.opt_out_words import asks_to_opt_out
from messaging.patterns import regex
from messaging.replay.cases import Finding

#: Points of an objection of the pipeline's own: the reply would not go out.
_OBJECTION_POINTS = 60
#: Characters of a draft's words that are kept as evidence.
_EVIDENCE_CHARS = 160
#: Words above which a reply is a letter.
_LONGEST_WORDS = 350

_MACHINE_TALK = regex(
    r"\bas an? (?:ai|artificial|language model|assistant)\b|\blanguage model\b|\bsystem prompt\b|\boffered_slots\b"
    r"|\blead_message\b|\bknown_links\b|^\s*subject:\s|\bhere(?:'s| is) (?:a|the|your) (?:draft|reply|response)\b",
    re.I | re.M,
)
_MARKUP = regex(r"^#{1,6} |\*\*[^*\n]+\*\*|```|</?(?:p|br|div|b|strong|ul|li|html)\b[^>]*>", re.M)
_PRICE_ASKED = regex(
    r"\bhow much\b|\bwhat (?:does|do|would|is|are|'s)\b[^.!?\n]{0,40}\b(?:cost|price|pricing|fees?|rates?)\b"
    r"|\b(?:price|pricing|costs?|rates?|fees?|quote)\b[^.!\n]{0,40}\?"
    r"|\b(?:send|share|give|need|want)\b[^.!?\n]{0,40}\b(?:prices?|pricing|quote|price list)\b"
    r"|\b(?:was kostet|wie viel|wieviel|preisliste|combien|quel (?:est le )?(?:prix|tarif)|cuánto)\b",
    re.I,
)
_OF_MONEY = regex(
    r"[$€£]|\b\d[\d.,]*\s?(?:usd|eur|gbp|euros?|dollars?)\b|\b(?:pric\w*|costs?|fees?|rates?|quote|budget|preis\w*|kosten"
    r"|tarif\w*|prix|precio\w*)\b",
    re.I,
)
#: How a draft says that it has understood a no: no more of it.
_LETS_GO = regex(
    r"\b(?:not (?:follow|contact|write|bother|e-?mail|reach)|no further|won't (?:follow|contact|write|bother|hear)"
    r"|removed?|unsubscribed|nicht (?:mehr|weiter)|ne (?:plus|vous) )\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A draft and what it answers, in plain form."""

    said: str
    inbound: str
    context: DraftContext

    @property
    def refused(self) -> bool:
        return bool(REFUSES.search(self.inbound))


def _unoffered_time(draft: _Draft) -> str | None:
    """A time or meeting's date that is neither offered nor the lead's, where none is on offer at all.

    With slots on offer that is `slot_mismatch`. A time that is asked for within the lead's own window is fine.
    """
    context = draft.context
    if context.offered_slots:
        return None
    known = known_times(draft.inbound, context.inbound_sent_at, (), context.zone)
    today = context.drafted_on or context.inbound_sent_at.astimezone(context.zone).date()
    said = draft_times(draft.said, today, known)
    return next((each.time.words for each in said.moments if not known.excuses(each, said)), None)


def _ignores_refusal(draft: _Draft) -> str | None:
    if not draft.refused or asks_to_opt_out(draft.context.inbound_text):  # that one is the pipeline's own to object to
        return None
    pushes = sells(draft.said) or bool(scheduling_links(draft.said)) or speaks_logistics(draft.said)
    return draft.said.strip() if pushes and not _LETS_GO.search(draft.said) else None


def _leaves_meeting(draft: _Draft) -> str | None:
    """The lead wants to meet, and the draft neither names a time or link nor asks for one."""
    context = draft.context
    known = known_times(draft.inbound, context.inbound_sent_at, context.offered_slots, context.zone)
    wants = wants_to_book(draft.inbound, names_time=bool(known.lead_moments or known.lead_days))
    if not wants or asks_for_information(draft.inbound):
        return None
    today = context.drafted_on or context.inbound_sent_at.astimezone(context.zone).date()
    said = draft_times(draft.said, today, known)
    moves = said.moments or said.dates or scheduling_links(draft.said) or speaks_logistics(draft.said)
    return None if moves or asks(draft.said) else draft.said.strip()


def _passes_over_price(draft: _Draft) -> str | None:
    """The lead asks what it costs, and the draft says nothing of money, not even that it will."""
    asked = _PRICE_ASKED.search(draft.inbound)
    return asked[0] if asked and not draft.refused and not _OF_MONEY.search(draft.said) else None


def _found(pattern: re.Pattern[str]) -> Callable[[_Draft], str | None]:
    def check(draft: _Draft) -> str | None:
        found = pattern.search(draft.said)
        return found[0] if found else None

    return check


def _too_long(draft: _Draft) -> str | None:
    words = len(draft.said.split())
    return f"{words} words" if words > _LONGEST_WORDS else None


#: Each check, what it costs where it finds something, and how it looks. 100 less all of it is the objective score.
CHECKS: tuple[tuple[str, int, Callable[[_Draft], str | None]], ...] = (
    ("unoffered_time", 60, _unoffered_time),
    ("ignores_refusal", 60, _ignores_refusal),
    ("machine_talk", 50, _found(_MACHINE_TALK)),
    ("leaves_meeting", 35, _leaves_meeting),
    ("passes_over_price", 15, _passes_over_price),
    ("markup", 20, _found(_MARKUP)),
    ("too_long", 20, _too_long),
)


def findings_of(draft_text: str, context: DraftContext) -> list[Finding]:
    """Every objective check that the draft does not pass; what a critical invariant says is not said again."""
    said, inbound = normalised(without_quotes(draft_text)), normalised(context.inbound_text)
    draft = _Draft(said, inbound, context)
    own = [(name, points, look(draft)) for name, points, look in CHECKS]
    found = [Finding(name, points, _shown(evidence)) for name, points, evidence in own if evidence is not None]
    return [*found, *_objected(draft_text, context)]


def objective_score(findings: Sequence[Finding]) -> int:
    """100 less the points of what was found, at least 0."""
    return max(0, 100 - sum(each.points for each in findings))


def _objected(draft_text: str, context: DraftContext) -> list[Finding]:
    others = [each for each in objections(draft_text, context) if each.name not in CRITICAL_INVARIANTS]
    return [Finding(each.name, _OBJECTION_POINTS, _shown(each.evidence)) for each in others]


def _shown(evidence: str) -> str:
    return " ".join(evidence.split())[:_EVIDENCE_CHARS]
