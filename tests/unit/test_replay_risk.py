"""What makes a lead message risky to answer: each rule by what it is for, and by what it is not."""

from __future__ import annotations

import pytest

from messaging.replay.risk import RULES, risk_of

CASES = [
    ("What would it cost for twelve of us?", "pricing"),
    ("Was kostet das im Monat?", "pricing"),
    ("Please remove me from your list.", "opt_out"),
    ("Three mails in ten days is a bit much. Try me again in the spring.", "cadence"),
    ("Not now, please get back to me next quarter.", "cadence"),
    ("We have 40 vans and paid $1,200 last year.", "amounts"),
    ("Could we set up a call this week?", "meeting_requested"),
    ("Can you send me some more information first?", "information_requested"),
    ("Tuesday at 3pm, please.", "times_named"),
    ("Just book here: https://calendly.com/lead/30min", "own_scheduling_link"),
    ("Sorry, I meant Thursday, not Tuesday.", "correction"),
    ("Where did you get my data? My lawyer would like to know.", "legal"),
    ("This is spam, and it is unacceptable.", "upset"),
    ("Who are you? And why?", "several_questions"),
]


@pytest.mark.parametrize(("text", "rule"), CASES)
def test_a_rule_holds_for_what_it_is_for(text: str, rule: str) -> None:
    assert rule in risk_of(text, never_answer=None).reasons


def test_every_rule_has_a_case() -> None:
    assert {rule.name for rule in RULES} == {rule for _, rule in CASES}


@pytest.mark.parametrize("text", ["Thank you!", "", "Danke, alles klar.", "We are well, and the weather is fine."])
def test_small_talk_has_no_risk(text: str) -> None:
    assert risk_of(text, never_answer=None).score == 0


def test_more_reasons_weigh_more_and_never_more_than_a_hundred() -> None:
    one = risk_of("What does it cost?", never_answer=None)
    many = risk_of(" ".join(text for text, _ in CASES), never_answer=None)

    assert 0 < one.score < many.score == 100


def test_a_machines_mail_has_none_whatever_it_says() -> None:
    assert risk_of("What does it cost? Call me on Tuesday.", never_answer="auto_submitted").score == 0
