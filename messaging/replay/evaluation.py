"""Judges what the pipeline made of a case: decision, critical invariants, objective checks, the judge, adjudication.

It must not know threads or retries: a judge that fails is raised as JudgeFailed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from messaging.invariants import violations
from messaging.replay.cases import (
    CaseResult,
    CaseStatus,
    FailureType,
    HistoryLine,
    Judgement,
    Produced,
    ReplayCase,
)
from messaging.replay.checks import findings_of, objective_score
from messaging.replay.judge import Judge, JudgeFailed

#: What a draft must reach, by the strictness that is asked for.
THRESHOLDS = {"strict": 72, "balanced": 62, "lenient": 52}
#: A judge's score within these bounds, both included, is borderline, and a second pass decides.
BAND = (40, 80)

History = Callable[[ReplayCase], Sequence[HistoryLine]]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a draft has to reach, and which scores are looked at twice."""

    threshold: int
    band: tuple[int, int] = BAND

    def is_borderline(self, score: int) -> bool:
        return self.band[0] <= score <= self.band[1]


def evaluate(case: ReplayCase, produced: Produced, bar: Bar, judge: Judge | None, history: History) -> CaseResult:
    """The case's result as far as its draft decides it. Raises JudgeFailed."""
    if produced.draft is None or produced.context is None:
        return _decided(case, produced)
    if case.never_answer is not None:
        return _failed(
            case, produced, FailureType.DECISION, f"answered, although {case.never_answer} is never answered"
        )
    broken = violations(produced.draft.body, produced.context)
    findings = findings_of(produced.draft.body, produced.context)
    objective = objective_score(findings)
    result = CaseResult(
        case,
        CaseStatus.EVALUATED,
        produced=produced,
        findings=findings,
        violations=broken,
        objective_score=objective,
        score=objective,
        threshold=bar.threshold,
    )
    if broken:
        # No opinion can save it, so none is asked for.
        named = ", ".join(each.name for each in broken)
        return _charged(replace(result, score=0), FailureType.QUALITY, f"breaks {named}")
    if judge is not None:
        result = _judged(result, produced, bar, judge, history(case))
    return _held_to(bar, result)


def _decided(case: ReplayCase, produced: Produced) -> CaseResult:
    """No draft: right for mail that is never answered, wrong for any other."""
    if case.never_answer is not None:
        return CaseResult(case, CaseStatus.EVALUATED, produced=produced)
    return _failed(case, produced, FailureType.DECISION, f"not answered: {produced.refusal or 'no reason given'}")


def _judged(
    result: CaseResult, produced: Produced, bar: Bar, judge: Judge, history: Sequence[HistoryLine]
) -> CaseResult:
    """A draft is as good as its worse opinion: the objective score, or the judge's last word."""
    try:
        first = judge.judge(result.case, produced, history, None)
        second = judge.judge(result.case, produced, history, first) if bar.is_borderline(first.score) else None
    except Exception as error:  # a judge is somebody else's machine: whatever it does is its failure, not the draft's
        raise JudgeFailed from error
    score = min(objective_score(result.findings), (second or first).score)
    return replace(result, judgement=first, adjudication=second, score=score)


def _held_to(bar: Bar, result: CaseResult) -> CaseResult:
    if result.score is None or result.score >= bar.threshold:
        return result
    return _charged(result, FailureType.QUALITY, _why_low(result, bar))


def _why_low(result: CaseResult, bar: Bar) -> str:
    judged = result.adjudication or result.judgement
    reasons = [each.check for each in result.findings] + _first_reason(judged)
    return f"score {result.score} is below {bar.threshold}: {'; '.join(reasons) or 'no reason given'}"


def _first_reason(judged: Judgement | None) -> list[str]:
    return list(judged.reasons[:1]) if judged else []


def _failed(case: ReplayCase, produced: Produced, failure_type: FailureType, failure: str) -> CaseResult:
    return _charged(CaseResult(case, CaseStatus.FAILED, produced=produced), failure_type, failure)


def _charged(result: CaseResult, failure_type: FailureType, failure: str) -> CaseResult:
    line = " ".join(failure.split())
    return replace(result, status=CaseStatus.FAILED, failure_type=failure_type, failure=line)
