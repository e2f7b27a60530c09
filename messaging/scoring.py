"""A lead's score from stated rules: 0 to 100, with the reasons that made it.

Pure and explainable: a score is 50 plus the points of the rules that hold, nothing is learned or hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from messaging.patterns import regex

#: Names the table of rules below: changed with any of them, so that old scores can be told from new ones.
RULES_VERSION = "lead.score.v1"
#: Where a lead stands about whom nothing is known.
START = 50

_MEETING = regex(
    r"\b(?:call|meet(?:ing)?|schedule|calendar|demo|appointment|talk|available|availability|termin|rendez-vous)\b", re.I
)
_PRICE = regex(r"\b(?:price|pricing|cost|quote|budget|offer|preis|angebot|tarif)\b", re.I)
_NO = regex(
    r"\b(?:not interested|no thanks?|no, thank you|stop|unsubscribe|remove me|kein interesse|pas int[ée]ress)", re.I
)


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What is known of a lead: its inbound texts (quoted history stripped), oldest first, and their times."""

    inbound_texts: Sequence[str]
    last_inbound_at: datetime | None
    outbound: int
    opted_out: bool
    automatic: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that adds (or takes) points; its name is the stored reason."""

    name: str
    points: int
    holds: Callable[[LeadFacts], bool]


@dataclass(frozen=True, slots=True)
class Score:
    """The score and every rule that held, with its points, in the table's order."""

    score: int
    reasons: tuple[tuple[str, int], ...]


def _newest(lead: LeadFacts) -> str:
    return lead.inbound_texts[-1] if lead.inbound_texts else ""


def _age(lead: LeadFacts) -> timedelta:
    return timedelta.max if lead.last_inbound_at is None else lead.now - lead.last_inbound_at


RULES: tuple[Rule, ...] = (
    Rule("opted_out", -100, lambda lead: lead.opted_out),
    Rule("says_no", -40, lambda lead: bool(_NO.search(_newest(lead)))),
    Rule("automatic_reply", -20, lambda lead: lead.automatic),
    Rule("never_wrote", -20, lambda lead: not lead.inbound_texts),
    Rule("asks_to_meet", 25, lambda lead: bool(_MEETING.search(_newest(lead))) and not _NO.search(_newest(lead))),
    Rule("asks_for_price", 15, lambda lead: any(_PRICE.search(text) for text in lead.inbound_texts)),
    Rule("asks_a_question", 5, lambda lead: "?" in _newest(lead)),
    Rule("wrote_more_than_once", 10, lambda lead: len(lead.inbound_texts) > 1),
    Rule("wrote_within_a_week", 5, lambda lead: _age(lead) <= timedelta(days=7)),
    Rule("silent_for_a_month", -15, lambda lead: lead.last_inbound_at is not None and _age(lead) > timedelta(days=30)),
)


def score_lead(lead: LeadFacts) -> Score:
    """The lead's score, held between 0 and 100."""
    reasons = tuple((rule.name, rule.points) for rule in RULES if rule.holds(lead))
    return Score(min(100, max(0, START + sum(points for _, points in reasons))), reasons)
