"""How much there is to get wrong in answering a lead message: stated rules with points, added up. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from messaging.guardrails.booking_phrases import REFUSES
from messaging.guardrails.plain_text import normalised, without_quotes
from messaging.guardrails.scheduling_links import scheduling_links
from messaging.guardrails.stances import asks_for_information, wants_to_book
from messaging.patterns import regex
from messaging.replay.cases import Risk

#: Characters of a lead message that are read: what it wants stands at its beginning.
_READ_CHARS = 4_000

_PRICING = regex(
    r"\b(?:pric(?:e|es|ing)|costs?|fees?|rates?|quote|budget|discount|cheap(?:er)?|expensive|how much|preis\w*|kost\w+"
    r"|angebot|rabatt|tarifs?|combien|prix|precios?|cuánto)\b",
    re.I,
)
_AMOUNT = regex(
    r"[$€£]\s?\d|\b\d[\d.,]*\s?(?:[$€£%]|k\b|usd\b|eur\b|gbp\b|euros?\b|dollars?\b|percent\b)"
    r"|\b\d+ (?:seats?|users?|licen[cs]es|vans?|vehicles|drivers|trucks)\b",
    re.I,
)
_CADENCE = regex(
    r"\b(?:how often|too (?:many|often|much)|stop (?:sending|writing|emailing)|every (?:day|week)|again in|get back to"
    r"|(?:ping|try|write|contact|call) (?:me|us) (?:again|later|back|in|next)|not (?:now|yet)|later this|after the"
    r"|next (?:month|quarter|year)|follow[- ]?ups?|reminders?|mails? in \w+ days)\b",
    re.I,
)
_TIMES = regex(
    r"\b\d{1,2}(?::\d{2})?\s?(?:am|pm|uhr|h)\b|\b\d{1,2}:\d{2}\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\btomorrow\b|\b(?:mon|diens|donners|frei)tag\b|\bmittwoch\b",
    re.I,
)
_LEGAL = regex(
    r"\b(?:gdpr|dsgvo|privacy|lawyer|legal|contract|terms|liab\w+|complain\w*|where did you get|my data|datenschutz)\b",
    re.I,
)
_UPSET = regex(
    r"\b(?:annoy\w*|angry|ridiculous|unacceptable|spam|harass\w*|enough|stop|worst|waste of|never again"
    r"|disappoint\w*)\b",
    re.I,
)
_CORRECTION = regex(
    r"\b(?:wrong (?:date|day|time|person|name|address)|mistake|correction|i meant|sorry,? (?:i|not)|instead of"
    r"|does ?n[o']t exist|no such (?:date|day)|reschedul\w*|move (?:it|our|the)|cancel\w*)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class RiskRule:
    """A reason for care and its points. `holds` gets the lead's words in their plain form."""

    name: str
    points: int
    holds: Callable[[str], bool]


def _wants_meeting(text: str) -> bool:
    return wants_to_book(text, names_time=bool(_TIMES.search(text)))


#: A score is the sum of the points of the rules that hold, at most 100. Changing it reorders selections, nothing else.
RULES: tuple[RiskRule, ...] = (
    RiskRule("pricing", 30, lambda text: bool(_PRICING.search(text))),
    RiskRule("opt_out", 30, lambda text: bool(REFUSES.search(text))),
    RiskRule("cadence", 25, lambda text: bool(_CADENCE.search(text))),
    RiskRule("amounts", 20, lambda text: bool(_AMOUNT.search(text))),
    RiskRule("meeting_requested", 20, _wants_meeting),
    RiskRule("information_requested", 15, asks_for_information),
    RiskRule("times_named", 15, lambda text: bool(_TIMES.search(text))),
    RiskRule("own_scheduling_link", 15, lambda text: bool(scheduling_links(text))),
    RiskRule("correction", 20, lambda text: bool(_CORRECTION.search(text))),
    RiskRule("legal", 20, lambda text: bool(_LEGAL.search(text))),
    RiskRule("upset", 15, lambda text: bool(_UPSET.search(text))),
    RiskRule("several_questions", 5, lambda text: text.count("?") > 1),
)


def risk_of(body: str, *, never_answer: str | None) -> Risk:
    """The risk of a lead message. A machine's mail has none: there is nothing to say in answer."""
    if never_answer is not None:
        return Risk(0, ("never_answered",))
    text = normalised(without_quotes(body[:_READ_CHARS]))
    held = [rule for rule in RULES if rule.holds(text)]
    return Risk(min(100, sum(rule.points for rule in held)), tuple(rule.name for rule in held))
