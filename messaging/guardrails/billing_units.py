"""What a price is per: a van, a user, a month. The words of one unit are one: `per van` is `pro Fahrzeug`. Pure.

It must not know what an amount is, only where one ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from messaging.patterns import regex

_WORDS: Final = {
    "vehicle": "van vehicle truck lorry lorries car fahrzeug fahrzeuge véhicule camion vehículo furgoneta",
    "user": "user seat nutzer benutzer utilisateur usuario",
    "person": "person people head employee mitarbeiter personne persona",
    "driver": "driver fahrer chauffeur conducteur conductor",
    "licence": "licence license lizenz licencia",
    "year": "year yr annum yearly annual annually jahr jährlich jährliche année annuel año anual",
    "quarter": "quarter quarterly quartal trimestre",
    "month": "month mo monthly monat monatlich monatliche mois mensuel mes mensual",
    "week": "week weekly woche wöchentlich semaine semana",
    "day": "day daily tag täglich jour día",
    "hour": "hour hourly stunde heure hora",
}
_UNITS: Final = {word: unit for unit, words in _WORDS.items() for word in words.split()}
#: `an` is a year only in `par an`: elsewhere it is an article.
_NOUN: Final = rf"(?:(?:{'|'.join(sorted(_UNITS, key=len, reverse=True))})s?\b|(?<=\bpar\s)an\b)"
_PER: Final = r"(?:(?:per|pro|je|par|por)\s|/\s?)"
#: `per` makes a unit of any word but these.
_ANY: Final = r"(?!(?:cent|se|your|our|my|the|this|that)\b)\w+"
_EACH: Final = r"(?:an?|each|every|jede[nrs]?|chaque|cada)\s(?:of\s(?:your|the)\s)?"
_PERIODICAL: Final = (
    r"(?:yearly|annual|annually|quarterly|monthly|weekly|daily|hourly|jährliche?|monatliche?|wöchentlich)"
)

#: Between an amount and its first unit.
_BETWEEN = regex(
    r"(?:\s?(?:usd|eur|gbp|net|netto|gross|brutto|flat|only|ht|(?:plus|excl\.?|zzgl\.?) (?:vat|mwst\.?)))*",
    re.IGNORECASE,
)
#: A unit, and one that follows it: `per van and month`. What an amount or a colon follows is the next price's.
_NEXT: Final = r"(?!\s?[:=$€£¥₹])"
_FIRST: Final = (
    rf"[\s(,]*(?:(?:(?:for|and|und|et|y)\s)?(?:{_PER}(?P<noun>{_NOUN})|per\s(?P<any>{_ANY}))"
    rf"|(?:for\s|(?<![,(]\s)){_EACH}(?P<each>{_NOUN})"
    rf"|(?<![,(]\s)\b(?P<adverb>{_PERIODICAL})\b(?!\s(?:bill|pay|contract|plan|invoic|commit|term)))"
)
_AFTER = regex(_FIRST + _NEXT, re.IGNORECASE)
_AFTER_ANOTHER = regex(rf"(?:{_FIRST}|\s?(?:and|und|et|y|/|&)\s?(?P<bare>{_NOUN})(?<!s)){_NEXT}", re.IGNORECASE)
#: Before an amount: `per user that is`, `a monthly fee of`; not how often somebody pays.
_BEFORE = regex(
    rf"(?<!billed\s)(?<!paid\s)(?<!charged\s)(?<!invoiced\s)\b{_PER}(?P<noun>{_NOUN})"
    rf"(?:\s(?:and|und|et|y)\s(?P<bare>{_NOUN}))?"
    rf"|\b(?P<adverb>{_PERIODICAL})\s(?:price|fee|rate|cost|charge|preis|gebühr|kosten)",
    re.IGNORECASE,
)
_NAMED = regex(rf"\b(?P<noun>{_NOUN})|\bper\s(?P<any>{_ANY})", re.IGNORECASE)


def units_after(text: str, end: int) -> tuple[frozenset[str], int]:
    """The units said of an amount that ends at `end` of normalised `text`, and where they end."""
    units: set[str] = set()
    between = _BETWEEN.match(text, end)
    found = _AFTER.match(text, between.end() if between else end)
    while found:
        units |= set(_units(found))
        end = found.end()
        found = _AFTER_ANOTHER.match(text, end)
    return frozenset(units), end


def units_before(words: str) -> frozenset[str]:
    """The units that `words`, which lead up to an amount, say of it."""
    return frozenset(unit for found in _BEFORE.finditer(words) for unit in _units(found))


def units_named(text: str) -> frozenset[str]:
    """Every unit that normalised `text` has a word for."""
    return frozenset(unit for found in _NAMED.finditer(text) for unit in _units(found))


def _units(found: re.Match[str]) -> Iterator[str]:
    for word in filter(None, found.groupdict().values()):
        lowered = word.lower()
        yield "year" if lowered == "an" else _UNITS.get(lowered) or _UNITS.get(lowered.removesuffix("s"), lowered)
