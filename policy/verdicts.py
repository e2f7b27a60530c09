"""What to do about a failed attempt: `classify` finds the verdict, `decide` says what to write and spend.

Knows no drivers (symptoms, rules) and no rows (the ledger writes the decision).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import assert_never

from policy.backoff import retry_delay_s
from policy.failures import Budgets, Failure
from policy.rules import RULES, Rule, VerdictKind
from policy.states import DeadReason, JobState, RunStatus
from policy.symptoms import LONGEST_DELAY_MS, causes

__all__ = ["RULES", "Budgets", "Decision", "Rule", "Verdict", "VerdictKind", "classify", "decide"]

#: The rule's id where nothing matched.
UNCLASSIFIED = "unclassified"

#: A throttled or rescheduled job waits at least this long: no busy loop through the database.
SHORTEST_WAIT_S = 1.0

#: However late the other side says, it is asked again after a day.
LONGEST_THROTTLE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided after a failure, and by which rule.

    `wait_s` (seconds) or `run_at` (aware) are set where the failure itself named a time; `reason` is short
    and holds nothing of the error's own text unless the actor gave it. `final` is a retry that the
    actor's `retry_when` refused.
    """

    kind: VerdictKind
    rule: str
    wait_s: float | None = None
    run_at: datetime | None = None
    reason: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What the finish writes: how the attempt closes, where the job goes and when, and what it spends."""

    status: RunStatus
    state: JobState
    run_at: datetime | None = None
    spends_attempt: bool = False
    spends_throttle: bool = False
    dead_reason: DeadReason | None = None
    exhausted: bool = False


def classify(error: BaseException, attempt: int, budgets: Budgets, *, now: datetime) -> Verdict:
    """The verdict on `error`, raised by the job's execution number `attempt` (from 1).

    Each link of the chain of explicit causes is held against all rules, outermost first: an error that
    means nothing by itself is judged by what it was raised from. Never raises.
    """
    for depth, link in enumerate(causes(error)):
        failure = Failure(error, link, depth == 0, attempt, budgets, now)
        for rule in RULES:
            if rule.matches(failure):
                return _verdict(rule, failure)
    return Verdict(VerdictKind.RETRY, UNCLASSIFIED)


def _verdict(rule: Rule, failure: Failure) -> Verdict:
    return Verdict(
        rule.kind,
        rule.id,
        wait_s=rule.wait_s(failure),
        run_at=rule.run_at(failure),
        reason=rule.reason(failure),
        final=rule.final,
    )


def decide(
    verdict: Verdict,
    budgets: Budgets,
    *,
    now: datetime,
    rand: float,
    min_backoff_ms: int = 1_000,
    max_backoff_ms: int = 900_000,
) -> Decision:
    """What becomes of the job under `verdict`, with `budgets` as they stood before this failure.

    `rand` lies in [0, 1); `now` is aware and comes from the clock that `run_at` will be compared with.
    """
    kind = verdict.kind
    if kind is VerdictKind.RETRY:
        backoff_s = retry_delay_s(
            budgets.attempts_spent + 1, rand, min_backoff_ms=min_backoff_ms, max_backoff_ms=max_backoff_ms
        )
        return _retry(verdict, budgets, now, backoff_s)
    if kind is VerdictKind.THROTTLED:
        backoff_s = retry_delay_s(
            budgets.throttles_spent + 1, rand, min_backoff_ms=min_backoff_ms, max_backoff_ms=max_backoff_ms
        )
        return _throttle(verdict, budgets, now, backoff_s)
    if kind is VerdictKind.RESCHEDULE:
        earliest = now + timedelta(seconds=SHORTEST_WAIT_S)
        run_at = max(verdict.run_at or earliest, earliest)
        return Decision(RunStatus.RESCHEDULED, JobState.PENDING, run_at)
    if kind is VerdictKind.TERMINAL:
        return _dead(DeadReason.TERMINAL)
    if kind is VerdictKind.UNKNOWN:
        return _dead(DeadReason.OUTCOME_UNKNOWN)
    if kind is VerdictKind.CANCEL:
        return Decision(RunStatus.CANCELLED, JobState.CANCELLED)
    assert_never(kind)


def _retry(verdict: Verdict, budgets: Budgets, now: datetime, backoff_s: float) -> Decision:
    if _attempts_run_out(verdict, budgets):
        return Decision(
            RunStatus.FAILED,
            JobState.DEAD,
            spends_attempt=True,
            dead_reason=DeadReason.EXHAUSTED,
            exhausted=True,
        )
    wait_s = backoff_s if verdict.wait_s is None else verdict.wait_s
    return Decision(RunStatus.FAILED, JobState.PENDING, _after(now, wait_s), spends_attempt=True)


def _attempts_run_out(verdict: Verdict, budgets: Budgets) -> bool:
    if budgets.retry_when is not None:
        return verdict.final
    return budgets.attempts_allowed is not None and budgets.attempts_spent + 1 >= budgets.attempts_allowed


def _throttle(verdict: Verdict, budgets: Budgets, now: datetime, backoff_s: float) -> Decision:
    if budgets.throttles_spent + 1 >= budgets.throttles_allowed:
        return Decision(
            RunStatus.FAILED,
            JobState.DEAD,
            spends_throttle=True,
            dead_reason=DeadReason.EXHAUSTED,
            exhausted=True,
        )
    wait_s = backoff_s if verdict.wait_s is None else verdict.wait_s
    held_s = min(max(wait_s, SHORTEST_WAIT_S), LONGEST_THROTTLE_S)
    return Decision(RunStatus.FAILED, JobState.PENDING, _after(now, held_s), spends_throttle=True)


def _after(now: datetime, wait_s: float) -> datetime:
    return now + timedelta(seconds=min(max(wait_s, 0.0), LONGEST_DELAY_MS / 1_000))


def _dead(reason: DeadReason) -> Decision:
    return Decision(RunStatus.FAILED, JobState.DEAD, dead_reason=reason)
