"""Reads amounts of money and shares: `$1,200`, `1.200,00 EUR`, `49 dollars a month`, `forty-nine euros`, `15% off`.

Two amounts agree if value and currency do, and the one is per nothing that the other is not; an amount whose currency
is not said agrees with its value in any.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from messaging.guardrails.billing_units import units_after, units_around
from messaging.patterns import regex

PERCENT = "%"

_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_NAMES = {
    "usd": "USD", "dollar": "USD", "dollars": "USD", "bucks": "USD", "dólares": "USD",
    "eur": "EUR", "euro": "EUR", "euros": "EUR", "gbp": "GBP", "pound": "GBP", "pounds": "GBP", "quid": "GBP",
    "chf": "CHF", "francs": "CHF", "franken": "CHF", "cad": "CAD", "aud": "AUD", "yen": "JPY", "jpy": "JPY",
    "inr": "INR", "rupees": "INR",
}  # fmt: skip
_UNITS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_TIMES = {"hundred": 100, "thousand": 1000, "k": 1000, "m": 1_000_000, "million": 1_000_000}

_NUMBER = (
    r"(?P<number>\d+(?:[.,' \u202f]\d{3}){0,6}(?:[.,]\d{1,2})?|\d+)(?![\d])(?:\s?(?P<times>k|m|thousand|million)\b)?"
)
#: Bounded, and begun with a word only, so that a mail that counts on and on is not read anew from each of its words.
_WORDS = (
    rf"(?P<words>(?:{'|'.join(_UNITS)}|a|hundred|thousand)"
    rf"(?:[ -](?:and )?(?:{'|'.join(_UNITS)}|hundred|thousand)){{0,8}})"
)
_NAMED = rf"(?P<name>{'|'.join(_NAMES)})(?![a-z])"
#: What a price is for: `49 per user`, `49 a month`, `49/seat`.
_PER = r"(?:per|a|an|each|every|/|pro|je|par|por)\s?(?:user|seat|vans?|vehicles?|trucks?|driver|person|head|licen[sc]e"
_PER += r"|month|year|mo\b|yr\b|week|unit|monat|jahr|fahrzeug|nutzer|mois|an\b|mes\b|año)"

_PATTERNS = tuple(
    regex(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<sign>[$€£¥₹])\s?{_NUMBER}",
        rf"\b{_NAMED}\s?{_NUMBER}",
        rf"(?<![\w.,]){_NUMBER}\s?(?P<sign>[$€£¥₹])",
        rf"(?<![\w.,]){_NUMBER}[\s-]?{_NAMED}",
        rf"(?<![\w-]){_WORDS}[\s-]{_NAMED}",
        rf"(?<![\w.,]){_NUMBER}\s?(?P<percent>%|percent\b|per cent\b|prozent\b|pour cent\b|por ciento\b)",
        rf"(?<![\w.,:$€£]){_NUMBER}\s?(?P<per>{_PER})",
    )
)

_PART_END = regex(r"\n|[.!?;]\s")


@dataclass(frozen=True, slots=True)
class Amount:
    """`unit` is a currency's code, PERCENT, or empty where no currency is said; `per` are the billing units named."""

    words: str
    begin: int
    value: Decimal
    unit: str
    per: frozenset[str] = frozenset()

    @property
    def end(self) -> int:
        """Where its words end."""
        return self.begin + len(self.words)

    def agrees(self, other: Amount) -> bool:
        """The same value in the same unit, or in an unsaid currency, and per nothing that `other` is not per."""
        unsaid = not (self.unit and other.unit) and PERCENT not in {self.unit, other.unit}
        return self.value == other.value and (self.unit == other.unit or unsaid) and self.per <= other.per


def find_amounts(text: str) -> list[Amount]:
    """Every amount that normalised `text` names, in order."""
    amounts, end = [], 0
    for found in _matches(text):
        # Between two amounts a unit belongs to the first where it follows at once, else to the second.
        leading = _PART_END.split(text[end : found.start()])[-1]
        per, end = units_after(text, found.start("per") if found.re.groupindex.get("per") else found.end())
        end = max(end, found.end())
        words, unit = text[found.start() : end].strip(), _unit(found)
        per = frozenset() if unit == PERCENT else units_around(leading, per)
        amounts.append(Amount(words, found.start(), _value(found), unit, per))
    return amounts


def _matches(text: str) -> list[re.Match[str]]:
    taken = [False] * (len(text) + 1)
    matches = []
    for pattern in _PATTERNS:
        for found in pattern.finditer(text):
            if not any(taken[found.start() : found.end()]):
                taken[found.start() : found.end()] = [True] * (found.end() - found.start())
                matches.append(found)
    return sorted(matches, key=lambda found: found.start())


def _value(found: re.Match[str]) -> Decimal:
    groups = found.groupdict()
    if groups.get("words"):
        return Decimal(_spelled(groups["words"].lower()))
    return _digits(groups["number"]) * _TIMES.get((groups["times"] or "").lower(), 1)


def _unit(found: re.Match[str]) -> str:
    groups = found.groupdict()
    if groups.get("sign"):
        return _SIGNS[groups["sign"]]
    if groups.get("name"):
        return _NAMES[groups["name"].lower()]
    return PERCENT if groups.get("percent") else ""


def _digits(written: str) -> Decimal:
    """`1,200.50`, `1.200,50`, `1 200,50` are one value: the last mark is a decimal one unless three digits follow."""
    plain = re.sub(r"[' \u202f]", "", written)
    mark = max(plain.rfind("."), plain.rfind(","))
    whole, rest = (plain[:mark], plain[mark + 1 :]) if mark >= 0 and len(plain) - mark - 1 != 3 else (plain, "")
    return Decimal(re.sub(r"[.,]", "", whole) + (f".{rest}" if rest else ""))


def _spelled(words: str) -> int:
    total = part = 0
    for word in re.split(r"[ -](?:and )?", words):
        if word in _TIMES:
            part = max(part, 1) * _TIMES[word]
            if word == "thousand":
                total, part = total + part, 0
        else:
            part += _UNITS.get(word, 0)
    return total + part
