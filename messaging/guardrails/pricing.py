"""What a reply may say of money: what the lead named or the client is known for, and no favour of its own. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from messaging.guardrails.amounts import PERCENT, find_amounts
from messaging.guardrails.phrases import any_of
from messaging.guardrails.plain_text import clauses, normalised, without_quotes
from messaging.patterns import regex

#: A share is a price only beside such a word: `15% off` is, `15% less fuel` is praise.
_OFF = regex(
    r"\b(?:off|discounts?|rebates?|cheaper|reduction|price|rates?|fees?|commission|rabatt|nachlass|günstiger|remise"
    r"|réduction|descuento|rebaja)\b",
    re.IGNORECASE,
)
_DISCOUNT = (
    r"(?:discount(?:ed)?|rebate|price cut|reduced (?:price|rate)|special (?:price|rate|deal)|rabatt|nachlass|remise"
    r"|descuento)"
)
#: Something granted: a discount, or a thing for nothing.
_FAVOURS = any_of(
    rf"(?:offer|give|grant|get|receive|apply|include|add|extend|provide|have|do|with|plus|gewähren|bieten|accord\w+|ofrec\w+)"
    rf"\b[^.!?\n]{{0,40}}\b{_DISCOUNT}\b",
    r"(?:first|\w+) (?:month|year|week|quarter)s? (?:is |are |for )?(?:free|on us)\b",
    r"(?:free (?:of charge|trial|pilot|month|setup|set-up|onboarding|upgrade|licen[sc]e|shipping)|on the house"
    r"|at no (?:extra |additional |further )?(?:cost|charge)|money[- ]back|kostenlos\w*|gratis|gratuit\w*)\b",
)
_WITHHELD = regex(
    r"\b(?:no|not|cannot|can't|couldn't|won't|unable|don't|doesn't|isn't|whether|if|ask|check|kein\w*|nicht|pas|sin)\b",
    re.IGNORECASE,
)


def invented_prices(draft: str, inbound: str, known_prices: Sequence[str]) -> list[str]:
    """Amounts, discounts and gifts in `draft` that stand neither in `inbound` nor in `known_prices`, in their words."""
    text, known = normalised(without_quotes(draft)), normalised("\n".join(known_prices))
    said = find_amounts(f"{normalised(inbound)}\n{known}")
    amounts = [
        amount.words
        for amount in find_amounts(text)
        if (amount.unit != PERCENT or _is_of_a_price(text, amount.begin))
        and not any(amount.agrees(each) for each in said)
    ]
    return [*amounts, *_favours(text, known)]


def _favours(text: str, known: str) -> list[str]:
    """What the draft grants and no known price does; a lead who asks for a discount has none for that."""
    granted = [
        found[0]
        for clause in clauses(text)
        if not _WITHHELD.search(clause.words)
        for found in _FAVOURS.finditer(clause.words)
    ]
    return [] if _FAVOURS.search(known) or _OFF.search(known) else granted


def _is_of_a_price(text: str, begin: int) -> bool:
    return any(clause.holds(begin) and _OFF.search(clause.words) for clause in clauses(text))
