"""All that keeps a written reply from being sent: the critical invariants, and the rules of every reply beside them.

Pure, as the invariants are. The drafting road and the gate ask here; each rule's name is a reason code of the gate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from messaging.formats import unfit
from messaging.guardrails.placeholders import placeholders
from messaging.guardrails.plain_text import normalised, sentences, without_quotes
from messaging.guardrails.pricing import invented_prices
from messaging.guardrails.scheduling_links import link_hints, scheduling_links
from messaging.guardrails.stances import is_question, sells, settles_firmly, speaks_logistics
from messaging.guardrails.times_at_hand import draft_times, known_times
from messaging.invariants import DraftContext, Violation, violations
from messaging.opt_out_words import asks_to_opt_out

_Rule = Callable[[str, DraftContext], "str | None"]


def objections(draft_text: str, context: DraftContext) -> list[Violation]:
    """What `draft_text` breaks, each once: critical invariants, rules of replies, what its channel cannot carry.

    The last bears the reason code that `messaging.formats.unfit` gives it.
    """
    broken = violations(draft_text, context)
    if any(each.name == "empty_draft" for each in broken):
        return broken
    judged = [(name, rule(draft_text, context)) for name, rule in REPLY_RULES.items()]
    reason = unfit(context.channel, draft_text)
    return [
        *broken,
        *(Violation(name, evidence) for name, evidence in judged if evidence is not None),
        *([Violation(reason, draft_text.strip()[:120])] if reason else []),
    ]


def _placeholder(draft: str, _context: DraftContext) -> str | None:
    """Something was to be filled in."""
    return next(iter(placeholders(draft)), None)


def _invented_price(draft: str, context: DraftContext) -> str | None:
    """An amount, a discount or a gift that neither the lead nor the client's known prices name."""
    if context.known_prices is None:
        return None
    return next(iter(invented_prices(draft, context.inbound_text, context.known_prices)), None)


def _unoffered_commitment(draft: str, context: DraftContext) -> str | None:
    """A sentence settles on a time that is neither offered nor the lead's, whatever other slots the draft quotes."""
    text = normalised(without_quotes(draft))
    sent_on = context.inbound_sent_at.astimezone(context.zone).date()
    known = known_times(normalised(context.inbound_text), context.inbound_sent_at, context.offered_slots, context.zone)
    said = draft_times(text, context.drafted_on or sent_on, known)
    settled = [each for each in sentences(text) if settles_firmly(each.words) and not is_question(each.words)]
    for moment in said.moments:
        commits = any(each.holds(moment.time.begin) for each in settled)
        if commits and not known.offers(moment) and not known.named_by_lead(moment):
            return moment.words
    return None


def _opt_out_ignored(draft: str, context: DraftContext) -> str | None:
    """The lead asked never to be written to again, and the draft asks, arranges, links or sells on."""
    if not asks_to_opt_out(context.inbound_text):
        return None
    text = normalised(without_quotes(draft))
    goes_on = "?" in text or scheduling_links(text) or link_hints(text) or speaks_logistics(text) or sells(text)
    return text.strip()[:120] if goes_on else None


#: In the order in which they are reported, after the critical invariants.
REPLY_RULES: Final[dict[str, _Rule]] = {
    "placeholder_left": _placeholder,
    "invented_price": _invented_price,
    "unoffered_commitment": _unoffered_commitment,
    "opt_out_ignored": _opt_out_ignored,
}
