"""What forbids an operator's verb on a dead letter."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from policy.requeue import REFUSALS, LetterFacts, discard_refusal, requeue_refusal
from policy.states import DeadReason, JobState, Resolution

DEAD = LetterFacts(Resolution.OPEN, JobState.DEAD)
ADOPTED = LetterFacts(Resolution.OPEN, None, adopted=True)

#: What no verb may touch, with the refusal's name.
UNTOUCHABLE = [
    (replace(DEAD, resolution=Resolution.REQUEUED), "not_open"),
    (replace(DEAD, resolution=Resolution.DISCARDED), "not_open"),
    (replace(DEAD, live_claim=True), "live_claim"),
    (replace(DEAD, job_state=JobState.RUNNING), "live_claim"),
    (replace(DEAD, job_state=JobState.SUCCEEDED), "succeeded"),
    (replace(DEAD, job_state=JobState.PENDING), "not_dead"),
    (replace(DEAD, job_state=JobState.CANCELLED), "not_dead"),
    (replace(DEAD, job_state=None), "not_dead"),
    (replace(DEAD, unknown_effects=1), "unknown_effects"),
]


@pytest.mark.parametrize("facts", [DEAD, ADOPTED], ids=["a dead job", "an adopted letter"])
def test_an_open_letter_may_be_requeued_and_discarded(facts: LetterFacts) -> None:
    assert requeue_refusal(facts) is None
    assert discard_refusal(facts, "no longer wanted") is None


@pytest.mark.parametrize(("facts", "refusal"), UNTOUCHABLE)
def test_no_verb_touches_a_letter_that_an_invariant_holds(facts: LetterFacts, refusal: str) -> None:
    assert requeue_refusal(facts) == refusal
    assert discard_refusal(facts, "no longer wanted") == refusal


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        (replace(DEAD, key_held_by_other="another job"), "key_taken"),
        (replace(ADOPTED, decodable=False), "undecodable"),
        (replace(DEAD, reason=DeadReason.UNDECODABLE), "undecodable"),
    ],
    ids=["key", "bytes", "reason"],
)
def test_what_cannot_run_again_may_still_be_discarded(facts: LetterFacts, refusal: str) -> None:
    assert requeue_refusal(facts) == refusal
    assert discard_refusal(facts, "no longer wanted") is None


@pytest.mark.parametrize("reason", ["", " \t\n"], ids=["empty", "blank"])
def test_a_discard_needs_a_reason(reason: str) -> None:
    assert discard_refusal(DEAD, reason) == "reason_missing"


#: What the ledger itself refuses: a letter that a plan knew otherwise, an effect that needs no settling.
OF_OTHER_VERBS = {"changed_since", "not_unknown"}


def test_each_refusal_that_can_be_given_has_a_sentence_and_each_sentence_a_refusal() -> None:
    letters = [
        LetterFacts(resolution, state, claim, unknown, key, adopted, decodable)
        for resolution, state, claim, unknown, key, adopted, decodable in product(
            Resolution, [None, *JobState], [False, True], [0, 1], [None, "k"], [False, True], [True, False]
        )
    ]

    given = {requeue_refusal(letter) for letter in letters} | {discard_refusal(letter, "") for letter in letters}

    assert given - {None} == set(REFUSALS) - OF_OTHER_VERBS
