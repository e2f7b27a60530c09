"""How drafts make a price lower, or give something for nothing. Lists only."""

from __future__ import annotations

import re
from typing import Final

from messaging.guardrails.phrases import any_of
from messaging.patterns import regex

_REDUCED: Final = (
    r"\b(?:off|discounts?|rebates?|cheaper|reduction|rabatt|nachlass|günstiger|remise|réduction|descuento|rebaja)\b"
)
REDUCES = regex(_REDUCED, re.IGNORECASE)
#: A share is a price only beside such a word: `15% off` is, `15% less fuel` is praise.
OF_A_PRICE = regex(rf"{_REDUCED}|\b(?:price|rates?|fees?|commission)\b", re.IGNORECASE)

#: Or where it is saved by binding oneself, or by paying early ...
SAVES = regex(
    r"\b(?:sav(?:e[sd]?|ings?)|less|lower|spar\w*|ersparnis|weniger|économi\w+|ahorr\w*|menos)\b", re.IGNORECASE
)
BINDS = regex(
    r"\b(?:contracts?|agreements?|(?<!in )terms?|commit\w*|subscri\w+|sign(?:ed|ing|s)?|renew\w*|prepa\w+|up ?front"
    r"|in advance|pay(?:ing|ment|ments)?|bill(?:ed|ing)|yearly|annual(?:ly)?"
    r"|(?:\d+|one|two|three|four|five|twelve|eighteen|twenty-four|thirty-six)[ -](?:months?|years?)"
    r"|\w*vertrag\w*|\w*laufzeit|jährlich\w*|vorauszahlung|contrat|engagement|annuel\w*|contrato|compromiso|anual\w*)\b",
    re.IGNORECASE,
)
#: ... but not as a share of what is no money: `20 % of their time`.
NO_MONEY = regex(
    r"\s(?:(?!(?:with|when|if|by|for|over|per|mit|bei|avec|con)\b)\w+\s){0,3}(?:fuel|diesel|petrol|energy|time|hours?"
    r"|minutes|mileage|miles|kilomet\w+|km|driving|routes?|work|effort|paper\w*|emissions|co2|calls|sprit|zeit"
    r"|kraftstoff|temps|carburant|tiempo|combustible)\b",
    re.IGNORECASE,
)

#: A share of the price without a number.
HALVES = any_of(
    r"half[- ](?:off\b|(?:of )?(?:(?:the|our|your|its) )?(?:\w+ )?(?:price|rate|fee|charge)\b)",
    r"(?:third|quarter|fifth)[- ]off\b",
    r"(?:halbe[nmrs]? preis|hälfte des \w*preis\w*)\b",
    r"(?:moitié (?:prix|du (?:prix|tarif))|mitad de(?:l precio| la tarifa))\b",
)

_DISCOUNT: Final = (
    r"(?:discount(?:ed)?|rebate|price cut|reduced (?:price|rate)|special (?:price|rate|deal)|rabatt|nachlass|remise"
    r"|descuento)"
)
#: Something granted: a discount, or a thing for nothing.
FAVOURS = any_of(
    rf"(?:offer|give|grant|get|receive|apply|include|add|extend|provide|have|do|with|plus|gewähren|bieten|accord\w+|ofrec\w+)"
    rf"\b[^.!?\n]{{0,40}}\b{_DISCOUNT}\b",
    r"(?:first|\w+) (?:month|year|week|quarter)s? (?:is |are |for )?(?:free|on us)\b",
    r"(?:free (?:of charge|trial|pilot|month|setup|set-up|onboarding|upgrade|licen[sc]e|shipping)|on the house"
    r"|at no (?:extra |additional |further )?(?:cost|charge)|money[- ]back|kostenlos\w*|gratis|gratuit\w*)\b",
)
#: Said of a favour that is not granted: denied, repeated or looked into.
WITHHELD = regex(
    r"\b(?:no|not|cannot|can't|couldn't|won't|unable|don't|doesn't|isn't|whether|ask|check|kein\w*|nicht|pas|sin"
    r"|(?<!as )you asked (?:about|for|if)|(?:see|know|find out) if)\b",
    re.IGNORECASE,
)
