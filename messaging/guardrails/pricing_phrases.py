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
    r"\b(?:sav(?:e[sd]?|ings?)|less(?! than)|lower|spar\w*|ersparnis|weniger|économi\w+|ahorr\w*|menos)\b",
    re.IGNORECASE,
)
_PERIOD: Final = (
    r"(?:\d+|an?|one|two|three|four|five|twelve|eighteen|twenty-four|thirty-six)[ -](?:full )?(?:months?|years?)"
)
BINDS = regex(
    r"\b(?:contracts?|agreements?|(?<!in )terms?|commit\w*|subscri\w+|sign(?:ed|ing|s)?|renew\w*|prepa\w+|up ?front"
    r"|in advance|pay(?:ing|ment|ments)?|bill(?:ed|ing)|yearly|annual(?:ly)?"
    rf"|(?:with|for) (?:(?:at least|a|the|all|another) )?{_PERIOD}"
    r"|\w*vertrag\w*|\w*laufzeit|jährlich\w*|vorauszahlung|contrat|engagement|annuel\w*|contrato|compromiso|anual\w*)\b",
    re.IGNORECASE,
)
#: `without a contract` binds nobody.
UNBOUND = regex(r"\b(?:no|not|never|without|ohne|kein\w*|sans|sin)(?: [\w-]+){1,2}", re.IGNORECASE)
#: ... but not as a share of what is no money: `20 % of their time`, `95% of our customers`.
NO_MONEY = regex(
    r"\s(?:of (?:all|our|the) (?!(?:\w+ ){0,2}(?:prices?|fees?|rates?|bills?|costs?|charges?|invoices?|total"
    r"|amount|sum|spend|money|budget|subscription|plan|package|contract|setup|licen[sc]es?)\b)"
    r"|(?:(?!(?:with|when|if|by|for|over|per|mit|bei|avec|con)\b)\w+\s){0,3}(?:fuel|diesel|petrol|energy|time|hours?"
    r"|minutes|overtime|mileage|miles|kilomet\w+|km|driving|routes?|work|effort|paper\w*|admin\w*|emissions|co2|calls"
    r"|maintenance|repairs?|insurance|accidents|tolls?|wear|sprit|(?!\w*laufzeit)\w*zeit|kraftstoff|temps|carburant"
    r"|tiempo|combustible)\b)",
    re.IGNORECASE,
)

#: A share of the price without a number.
HALVES = any_of(
    r"half[- ](?:off\b|(?:of )?(?:(?:the|our|your|its) )?(?:\w+ )?(?:price|rate|fee)\b"
    r"(?! (?:(?:is|are|will be|falls|becomes) )?(?:due|payable|paid|up ?front|in advance)\b))",
    r"(?:an?|one)[ -](?:third|quarter|fifth)[- ]off\b(?!-)",
    r"(?:halbe[nmrs]? preis|hälfte des \w*preis\w*)\b",
    r"(?:moitié (?:prix|du (?:prix|tarif))|mitad de(?:l precio| la tarifa))\b",
)

#: Half price by its number: not every 50 % is, some are `due on signing`.
HALVED = regex(
    rf"\b50 ?(?:%|per ?cent\b|prozent\b|pour cent\b|por ciento\b) (?:\w+ )?{_REDUCED}"
    rf"|{_REDUCED} (?:(?:of|von|de|del) )?50 ?(?:%|per ?cent\b|prozent\b)",
    re.IGNORECASE,
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
#: What the lead asked for, up to what the client says of it.
ASKED = regex(
    r"\b(?<!as )you asked (?:about|for|if)\b"
    r"(?:(?![,:;.!?\n]| - | (?:and|but|so) (?:yes|of course|we|you|i|it|that|this|the)\b).)*",
    re.IGNORECASE,
)
DENIES_NOTHING = regex(
    r"\b(?:no (?:problem|strings|worries|doubt|catch)|why not|not only|(?:don't|do not) (?:worry|hesitate))\b",
    re.IGNORECASE,
)
#: Said of a favour that is not granted: denied or looked into.
WITHHELD = regex(
    r"\b(?:no|not|cannot|can't|couldn't|won't|unable|don't|doesn't|isn't|whether|ask|check|kein\w*|nicht|pas|sin"
    r"|(?:see|know|find out) if|if (?:(?:we|i) (?:can|could|may)|there (?:is|are)))\b",
    re.IGNORECASE,
)
