"""What becomes of a job under a verdict, and what it spends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.states import TRANSITIONS, DeadReason, JobState, RunStatus
from policy.verdicts import Budgets, Decision, Verdict, VerdictKind, decide

NOW = datetime(2026, 2, 17, 12, tzinfo=timezone.utc)
RETRY = Verdict(VerdictKind.RETRY, "unclassified")
THROTTLED = Verdict(VerdictKind.THROTTLED, "rate-limited")

EXHAUSTED_RETRY = Decision(
    RunStatus.FAILED,
    JobState.DEAD,
    spends_attempt=True,
    dead_reason=DeadReason.EXHAUSTED,
    exhausted=True,
)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def decided(verdict: Verdict, budgets: Budgets, rand: float = 0.0) -> Decision:
    return decide(verdict, budgets, now=NOW, rand=rand)


@pytest.mark.parametrize(("spent", "wait_s"), [(0, 2.5), (1, 4.5), (3, 16.5), (60, 900)])
def test_a_retry_waits_for_its_backoff_and_spends_an_attempt(spent: int, wait_s: float) -> None:
    decision = decided(RETRY, Budgets(spent, None), rand=0.5)

    assert decision == Decision(RunStatus.FAILED, JobState.PENDING, after(wait_s), spends_attempt=True)


@pytest.mark.parametrize(
    ("spent", "max_retries", "state"),
    [(0, 0, "dead"), (0, 1, "pending"), (1, 1, "dead"), (3, 4, "pending"), (4, 4, "dead"), (9, 4, "dead")],
)
def test_a_job_may_be_tried_once_more_than_its_max_retries(spent: int, max_retries: int, state: str) -> None:
    decision = decided(RETRY, Budgets(spent, attempts_allowed=max_retries + 1))

    assert decision.state == state
    assert decision.exhausted == (state == "dead")


def test_a_job_out_of_attempts_is_dead_as_exhausted() -> None:
    assert decided(RETRY, Budgets(4, 5)) == EXHAUSTED_RETRY


def test_retry_when_takes_the_place_of_the_attempts_allowed() -> None:
    budgets = Budgets(9, 5, retry_when=lambda retries, error: True)
    refused = Verdict(VerdictKind.RETRY, "retry-when-refused", final=True)

    assert decided(RETRY, budgets).state is JobState.PENDING
    assert decided(refused, budgets) == EXHAUSTED_RETRY


def test_a_retry_with_a_delay_of_its_own_waits_for_that() -> None:
    verdict = Verdict(VerdictKind.RETRY, "dramatiq-retry", wait_s=0.25)

    assert decided(verdict, Budgets(0, 5)).run_at == after(0.25)


def test_a_retry_whose_delay_is_beyond_all_sense_stays_within_the_calendar() -> None:
    verdict = Verdict(VerdictKind.RETRY, "dramatiq-retry", wait_s=1e300)

    assert decided(verdict, Budgets(0, 5)).run_at == NOW + timedelta(days=366)


def test_the_actors_backoff_options_are_kept() -> None:
    decision = decide(RETRY, Budgets(0, 5), now=NOW, rand=0.0, min_backoff_ms=10, max_backoff_ms=15)

    assert decision.run_at == after(0.015)


@pytest.mark.parametrize(
    ("wait_s", "held_s"),
    [(30.0, 30), (0.0, 1), (-5.0, 1), (90_000.0, 86_400), (None, 2)],
    ids=["its time", "floor", "past", "cap", "no time named"],
)
def test_a_throttled_job_waits_for_the_other_sides_time(wait_s: float | None, held_s: float) -> None:
    verdict = Verdict(VerdictKind.THROTTLED, "http-429", wait_s=wait_s)

    decision = decided(verdict, Budgets(4, 5))

    assert decision == Decision(RunStatus.FAILED, JobState.PENDING, after(held_s), spends_throttle=True)


def test_throttles_without_a_time_wait_longer_and_longer() -> None:
    waits = [decided(THROTTLED, Budgets(0, 5, throttles_spent=spent)).run_at for spent in (0, 1, 2, 50)]

    assert waits == [after(2), after(4), after(8), after(900)]


def test_a_job_out_of_throttles_is_dead_as_exhausted() -> None:
    last = decided(THROTTLED, Budgets(0, None, throttles_spent=98))
    decision = decided(THROTTLED, Budgets(0, None, throttles_spent=99))

    assert last.state is JobState.PENDING
    assert (decision.state, decision.dead_reason) == (JobState.DEAD, DeadReason.EXHAUSTED)
    assert (decision.exhausted, decision.spends_attempt, decision.spends_throttle) == (True, False, True)


@pytest.mark.parametrize(
    ("run_at", "expected"),
    [(after(3_600), after(3_600)), (after(-9), after(1)), (NOW, after(1)), (None, after(1))],
    ids=["asked for", "past", "now", "shutdown"],
)
def test_a_rescheduled_job_comes_back_at_its_time_and_spends_nothing(
    run_at: datetime | None, expected: datetime
) -> None:
    decision = decided(Verdict(VerdictKind.RESCHEDULE, "rescheduled", run_at=run_at), Budgets(4, 5))

    assert decision == Decision(RunStatus.RESCHEDULED, JobState.PENDING, expected)


@pytest.mark.parametrize(
    ("kind", "decision"),
    [
        (
            VerdictKind.TERMINAL,
            Decision(RunStatus.FAILED, JobState.DEAD, dead_reason=DeadReason.TERMINAL),
        ),
        (
            VerdictKind.UNKNOWN,
            Decision(RunStatus.FAILED, JobState.DEAD, dead_reason=DeadReason.OUTCOME_UNKNOWN),
        ),
        (VerdictKind.CANCEL, Decision(RunStatus.CANCELLED, JobState.CANCELLED)),
    ],
    ids=str,
)
def test_a_verdict_that_ends_the_job_spends_nothing(kind: VerdictKind, decision: Decision) -> None:
    assert decided(Verdict(kind, "rule"), Budgets(0, None)) == decision


verdicts = st.builds(
    Verdict,
    kind=st.sampled_from(VerdictKind),
    rule=st.just("rule"),
    wait_s=st.none() | st.floats(-1e12, 1e12),
    run_at=st.none() | st.timedeltas(timedelta(-9_999), timedelta(9_999)).map(lambda away: NOW + away),
    final=st.booleans(),
)
budgets = st.builds(
    Budgets,
    attempts_spent=st.integers(0, 10**6),
    attempts_allowed=st.none() | st.integers(0, 50),
    throttles_spent=st.integers(0, 200),
)


@given(verdicts, budgets, st.floats(0, 1, exclude_max=True))
def test_every_decision_is_a_move_that_a_running_job_may_make(verdict: Verdict, budgets: Budgets, rand: float) -> None:
    decision = decided(verdict, budgets, rand)

    assert decision.state in TRANSITIONS[JobState.RUNNING]
    assert decision.status is not RunStatus.RUNNING
    assert (decision.run_at is not None) == (decision.state is JobState.PENDING)
    assert (decision.dead_reason is not None) == (decision.state is JobState.DEAD)
    assert decision.exhausted == (decision.dead_reason is DeadReason.EXHAUSTED)
    assert decision.run_at is None or decision.run_at >= NOW


@given(verdicts, budgets)
def test_nothing_but_a_retry_spends_an_attempt_and_a_throttle_a_throttle(verdict: Verdict, budgets: Budgets) -> None:
    decision = decided(verdict, budgets)

    assert decision.spends_attempt == (verdict.kind is VerdictKind.RETRY)
    assert decision.spends_throttle == (verdict.kind is VerdictKind.THROTTLED)
