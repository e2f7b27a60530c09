"""What a price is per: a van, a user, a month. The words of one unit are one: `per van` is `pro Fahrzeug`. Pure.

It must not know what an amount is, only where one ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import Final

from messaging.patterns import regex

_WORDS: Final = {
    "vehicle": "van vehicle truck lorry lorries car fahrzeug fahrzeuge fzg lkw transporter véhicule voiture camion"
    " vehículo furgoneta coche",
    "user": "user seat nutzer benutzer utilisateur usuario",
    "person": "person people head employee mitarbeiter personne persona",
    "driver": "driver fahrer chauffeur conducteur conductor",
    "licence": "licence license lizenz licencia",
    "year": "year yr annum yearly annual annually jahr jährlich jährliche année annuel año anual",
    "quarter": "quarter quarterly quartal trimestre",
    "month": "month mo mth monthly monat monatlich monatliche mois mensuel mes mensual",
    "week": "week weekly woche wöchentlich semaine semana",
    "day": "day daily tag täglich jour día",
    "hour": "hour hourly stunde heure hora",
}
_UNITS: Final = {word: unit for unit, words in _WORDS.items() for word in words.split()}
_SHORT: Final = {"p.a": "year", "pa": "year", "pm": "month", "pcm": "month", "mtl": "month"}
_TIMES: Final = frozenset({"year", "quarter", "month", "week", "day", "hour"})
#: `an` is a year only in `par an`: elsewhere it is an article.
_NOUN: Final = rf"(?:(?:{'|'.join(sorted(_UNITS, key=len, reverse=True))})s?\b|(?<=\bpar )an\b)"
_PER: Final = r"(?:(?:per|pro|je|par|por|im|al|au) |/ ?)"
#: `per calendar month`; `per our yearly plan` is per nothing.
_ADJECTIVE: Final = r"(?:(?!(?:your|our|my|the|this|that|last|next)\b)\w+ )??"
#: `per` makes a unit of any word but these: ways to pay, other words for whoever pays, other words for a van.
_ANY: Final = r"(?!(?:cent|se|your|our|my|the|this|that)\b)\w+\b"
_NO_UNIT: Final = (
    r"(?:account|customer|client|company|business|firm|invoice|e-?mail|price|credit|bank|card|request|contract"
    r"|agreement|quote|unit|asset)s?\b"
)
_EACH: Final = r"(?:an?|each|every|jede[nrs]?|chaque|cada) (?:of (?:your|the) )?"
#: `$990 for a day of setup`, `$990 a day after signing`, `$990 (a day on site)`.
_NOT_EACH: Final = r"(?! (?:of|after|before|later|ago|from|on site)\b)"
_PERIODICAL: Final = (
    r"(?:yearly|annual|annually|quarterly|monthly|weekly|daily|hourly|jährliche?|monatliche?|wöchentlich)"
)

#: Between an amount and its first unit.
_BETWEEN = regex(
    r"(?: ?(?:usd|eur|gbp|net|netto|gross|brutto|flat|only|ht|(?:plus|excl\.?|zzgl\.?) (?:vat|mwst\.?)))*",
    re.IGNORECASE,
)
#: A unit, and one that follows it in the line: `per van and month`. What an amount or a colon follows, or `it is $49`,
#: is the next price's.
_NEXT: Final = (
    r"(?:(?<=mtl|fzg|mth|p\.a)\.)?(?!\s?[:=$€£¥₹']|,? (?:it|that|this|we|you)\b[^.,;:\n\d$€£¥₹]{0,25}[\d$€£¥₹])"
)
_DIRECT: Final = r"(?<![,(-] )"
_FIRST: Final = (
    rf"[ (,*_]*(?:--? )?(?:(?:(?:for|and|und|et|y) )?(?:{_PER}(?P<noun>{_NOUN})|per {_ADJECTIVE}(?P<kind>{_NOUN})"
    rf"|per (?:{_NO_UNIT}|(?P<any>{_ANY})))"
    rf"|(?:for |{_DIRECT}){_EACH}(?P<each>{_NOUN}){_NOT_EACH}"
    rf"|{_DIRECT}\b(?P<adverb>{_PERIODICAL}|p\.?a|pm|pcm|mtl)\b(?! (?:bill|pay|contract|plan|invoic|commit|term)))"
)
_AFTER = regex(_FIRST + _NEXT, re.IGNORECASE)
_AFTER_ANOTHER = regex(
    rf"(?:{_FIRST}| ?(?:and|und|et|y|/|&) ?(?P<bare>{_NOUN})(?:(?<!s)|(?<=\bmes)|(?<=\bmois))){_NEXT}", re.IGNORECASE
)
#: Right before an amount, as a sentence begins: `per user and month, that is`, `each user costs`; or a fee's own:
#: `the yearly fee is`, `a fee per user of`. Looser forms name what something else is per.
_IS: Final = r"(?:(?:is|are|costs?|pays?|comes to|of|at|beträgt|kostet|est de|es de) )?(?:only |just )?[*_(]*$"
_PER_EACH: Final = rf"(?:{_PER}|for {_EACH})(?P<noun>{_NOUN})(?: (?:and|und|et|y) (?P<bare>{_NOUN}))?"
_AT_FIRST = regex(
    r"[^\w\n]*(?:(?:and|und|et|y) )?"
    rf"(?:(?:for )?{_PER_EACH}[,:]? ?(?:(?:it|that|this)(?:'s)? )?|{_EACH}(?P<each>{_NOUN}) ){_IS}",
    re.IGNORECASE,
)
_FEE: Final = r"(?:price|fee|rate|cost|charge|preis|gebühr|kosten)"
_OF_A_FEE = regex(
    rf"\b(?:(?P<adverb>{_PERIODICAL}) {_FEE}(?: {_PER_EACH})?|{_FEE} {_PER_EACH.replace('?P<', '?P<fee_')}):? {_IS}",
    re.IGNORECASE,
)
_NAMED = regex(rf"\b{_NOUN}", re.IGNORECASE)


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


def units_around(leading: str, after: frozenset[str]) -> frozenset[str]:
    """`after`, and what `leading`, the words before an amount, says of it beside: a thing, a time, one of each."""
    found = _AT_FIRST.match(leading) or _OF_A_FEE.search(leading)
    before = frozenset(_units(found)) if found else frozenset()
    times = after & _TIMES or before & _TIMES
    return times | (after - _TIMES or before - _TIMES)


def units_named(text: str) -> frozenset[str]:
    """Every unit that normalised `text` has a word for."""
    return frozenset(_unit(found[0]) for found in _NAMED.finditer(text))


def unheard(units: frozenset[str], words: Set[str]) -> frozenset[str]:
    """`units` without those of which nothing is known but the word, where it is one of `words`."""
    return frozenset(unit for unit in units if unit in _WORDS or not {unit, unit + "s"} & words)


def _units(found: re.Match[str]) -> Iterator[str]:
    return (_unit(word) for word in found.groupdict().values() if word)


def _unit(word: str) -> str:
    lowered = word.lower()
    if lowered == "an":
        return "year"
    singular = lowered.removesuffix("s")
    return _UNITS.get(lowered) or _UNITS.get(singular) or _SHORT.get(lowered) or singular
