"""What a reply may say of money: what the lead named or the client is known for, and no favour of its own. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from messaging.guardrails.amounts import PERCENT, Amount, find_amounts
from messaging.guardrails.billing_units import units_named
from messaging.guardrails.plain_text import clauses, normalised, sentences, without_quotes
from messaging.guardrails.pricing_phrases import (
    BINDS,
    FAVOURS,
    HALVES,
    NO_MONEY,
    OF_A_PRICE,
    REDUCES,
    SAVES,
    WITHHELD,
)

_HALF_PERCENT: Final = 50


def invented_prices(draft: str, inbound: str, known_prices: Sequence[str]) -> list[str]:
    """Amounts, discounts and gifts in `draft` that stand neither in `inbound` nor in `known_prices`, in their words.

    An amount stands there if value and currency do, and what it is per: `$49 per user` is another than `$49 per van`.
    """
    text, known = normalised(without_quotes(draft)), [normalised(price) for price in known_prices]
    said = [amount for each in (normalised(inbound), *known) for amount in _said_amounts(each)]
    amounts = [amount for amount in find_amounts(text) if not any(amount.agrees(each) for each in said)]
    return [*(amount.words for amount in _prices(text, amounts)), *_favours(text, "\n".join(known))]


def _said_amounts(text: str) -> list[Amount]:
    """The amounts of one text; one of which no billing unit is said is per whatever the text speaks of."""
    return [amount if amount.per else replace(amount, per=units_named(text)) for amount in find_amounts(text)]


def _favours(text: str, known: str) -> list[str]:
    """What the draft grants and no known price does; a lead who asks for a discount has none for that."""
    halved = any(amount.unit == PERCENT and amount.value == _HALF_PERCENT for amount in find_amounts(known))
    unknown = [
        *([] if FAVOURS.search(known) or REDUCES.search(known) else [FAVOURS]),
        *([] if HALVES.search(known) or halved else [HALVES]),
    ]
    granting = [clause.words for clause in clauses(text) if not WITHHELD.search(clause.words)]
    return [found[0] for words in granting for pattern in unknown for found in pattern.finditer(words)]


def _prices(text: str, amounts: Sequence[Amount]) -> list[Amount]:
    """Those of `text`'s amounts that are prices: a share is one beside words of prices, or saved by binding oneself."""
    priced = [clause for clause in clauses(text) if OF_A_PRICE.search(clause.words)]
    binding = [each for each in sentences(text) if SAVES.search(each.words) and BINDS.search(each.words)]
    return [
        amount
        for amount in amounts
        if amount.unit != PERCENT
        or any(each.holds(amount.begin) for each in priced)
        or (any(each.holds(amount.begin) for each in binding) and not NO_MONEY.match(text, amount.end))
    ]
