"""States of a job: the drawn machine and nothing else."""

from __future__ import annotations

import pytest

from policy.states import (
    FINISHED_STATES,
    KEY_HOLDING_STATES,
    LIVE_STATES,
    TRANSITIONS,
    DeadReason,
    JobState,
    RefusedCopy,
    Resolution,
    RunStatus,
    may_move,
)

DRAWN = {
    "pending": {"queued", "cancelled"},
    "queued": {"running", "pending", "cancelled"},
    "running": {"succeeded", "pending", "cancelled", "dead"},
    "dead": {"pending", "discarded"},
    "succeeded": set(),
    "cancelled": set(),
    "discarded": set(),
}


def test_transitions_are_those_that_the_design_draws() -> None:
    found = {str(before): {str(after) for after in afters} for before, afters in TRANSITIONS.items()}

    assert found == DRAWN


def test_every_state_is_reached_from_pending() -> None:
    reached, waiting = set(), [JobState.PENDING]

    while waiting:
        state = waiting.pop()
        reached.add(state)
        waiting += TRANSITIONS[state] - reached

    assert reached == set(JobState)


def test_a_state_is_either_live_or_finished() -> None:
    assert set(JobState) == LIVE_STATES | FINISHED_STATES
    assert not LIVE_STATES & FINISHED_STATES


def test_jobs_that_must_not_run_again_hold_no_key() -> None:
    assert not KEY_HOLDING_STATES & {JobState.DEAD, JobState.CANCELLED, JobState.DISCARDED}


def test_a_succeeded_job_never_moves() -> None:
    assert not any(may_move(JobState.SUCCEEDED, after) for after in JobState)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (JobState.PENDING, "pending"),
        (RunStatus.LOST, "LOST"),
        (Resolution.OPEN, "OPEN"),
        (DeadReason.OUTCOME_UNKNOWN, "outcome_unknown"),
        (RefusedCopy.NOT_DUE, "not_due"),
    ],
    ids=str,
)
def test_a_word_prints_and_formats_and_compares_as_its_stored_value(word: str, text: str) -> None:
    assert str(word) == text
    assert f"{word}" == text
    assert word == text
