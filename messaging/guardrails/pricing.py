"""What a reply may say of money: what the lead named or the client is known for, and no favour of its own. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from messaging.guardrails.amounts import PERCENT, Amount, find_amounts
from messaging.guardrails.billing_units import unheard, units_named
from messaging.guardrails.plain_text import Piece, clauses, normalised, sentences, without_quotes
from messaging.guardrails.pricing_phrases import (
    ASKED,
    BINDS,
    DENIES_NOTHING,
    FAVOURS,
    HALVED,
    HALVES,
    NO_MONEY,
    OF_A_PRICE,
    REDUCES,
    SAVES,
    UNBOUND,
    WITHHELD,
)
from messaging.patterns import regex

#: How far from a share its word of saving stands; the characters bound the work.
_NEAR_WORDS: Final = 4
_NEAR_CHARACTERS: Final = 80
_WORD = regex(r"\w+")


def invented_prices(draft: str, inbound: str, known_prices: Sequence[str]) -> list[str]:
    """Amounts, discounts and gifts in `draft` that stand neither in `inbound` nor in `known_prices`, in their words.

    An amount stands there if value and currency do, and what it is per: `$49 per user` is another than `$49 per van`.
    """
    text, lead = normalised(without_quotes(draft)), normalised(inbound)
    known = [normalised(price) for price in known_prices]
    said = _by_value(amount for each in (lead, *known) for amount in _said_amounts(each))
    words = {word[0].lower() for word in _WORD.finditer("\n".join((lead, *known)))}
    new = [
        amount
        for amount in find_amounts(text)
        if not any(replace(amount, per=unheard(amount.per, words)).agrees(each) for each in said.get(amount.value, ()))
    ]
    return [*(amount.words for amount in _prices(text, new)), *_favours(text, "\n".join(known))]


def _said_amounts(text: str) -> Iterator[Amount]:
    """The amounts of one text; one of which no billing unit is said is per whatever the text speaks of."""
    named = units_named(text)
    return (replace(amount, words="", begin=0, per=amount.per or named) for amount in find_amounts(text))


def _by_value(amounts: Iterable[Amount]) -> dict[Decimal, set[Amount]]:
    by_value: dict[Decimal, set[Amount]] = {}
    for amount in amounts:
        by_value.setdefault(amount.value, set()).add(amount)
    return by_value


def _favours(text: str, known: str) -> list[str]:
    """What the draft grants and no known price does; a lead who asks for a discount has none for that."""
    unknown = [
        *([] if FAVOURS.search(known) or REDUCES.search(known) else [FAVOURS]),
        *([] if HALVES.search(known) or HALVED.search(known) else [HALVES]),
    ]
    granting = [words for clause in clauses(text) if not WITHHELD.search(words := _without_repeats(clause.words))]
    return [found[0] for words in granting for pattern in unknown for found in pattern.finditer(words)]


def _without_repeats(words: str) -> str:
    """`words` without what they only repeat of the lead's, and without a `no` that denies nothing."""
    return ASKED.sub(". ", DENIES_NOTHING.sub("", words))


def _prices(text: str, amounts: Sequence[Amount]) -> list[Amount]:
    """Those of `text`'s amounts that are prices: a share is one beside words of prices, or saved by binding oneself."""
    priced = _holders(amounts, (clause for clause in clauses(text) if OF_A_PRICE.search(clause.words)))
    binding = _holders(amounts, (each for each in sentences(text) if BINDS.search(UNBOUND.sub(" ", each.words))))
    return [
        amount
        for amount in amounts
        if amount.unit != PERCENT
        or amount.begin in priced
        or (amount.begin in binding and _is_saved(text, amount, binding[amount.begin]))
    ]


def _holders(amounts: Sequence[Amount], pieces: Iterable[Piece]) -> dict[int, Piece]:
    """Which of `pieces`, in order, holds the amount that begins there: each is looked at once."""
    begins, holders = [amount.begin for amount in amounts], {}
    for piece in pieces:
        for begin in begins[bisect_left(begins, piece.begin) : bisect_left(begins, piece.end)]:
            holders[begin] = piece
    return holders


def _is_saved(text: str, share: Amount, sentence: Piece) -> bool:
    """Whether a word of saving stands beside `share`, which is of money."""
    before = text[max(sentence.begin, share.begin - _NEAR_CHARACTERS) : share.begin].split()[-_NEAR_WORDS:]
    after = text[share.end : min(sentence.end, share.end + _NEAR_CHARACTERS)].split()[:_NEAR_WORDS]
    return SAVES.search(" ".join([*before, "%", *after])) is not None and not NO_MONEY.match(text, share.end)
