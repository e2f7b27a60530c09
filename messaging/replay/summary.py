"""Counts and averages of a replay's results, in the artifact's own keys. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from messaging.invariants import CRITICAL_INVARIANTS
from messaging.replay.cases import CaseResult, CaseStatus, FailureType


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong beside the cases, so that none is charged with it; `diagnosis` is one line."""

    failure_type: FailureType
    diagnosis: str
    count: int = 1


def summary_of(results: Sequence[CaseResult], troubles: Sequence[Trouble] = ()) -> dict[str, Any]:
    """The summary of these results, and of what went wrong beside them."""
    statuses = Counter(result.status for result in results)
    failures = Counter(result.failure_type for result in results if result.failure_type is not None)
    for trouble in troubles:
        failures[trouble.failure_type] += trouble.count
    broken = Counter(violation.name for result in results for violation in result.violations)
    return {
        "cases": len(results),
        "evaluated": statuses[CaseStatus.EVALUATED],
        "failed": statuses[CaseStatus.FAILED],
        "skipped": statuses[CaseStatus.SKIPPED],
        "selectedOnly": statuses[CaseStatus.SELECTED_ONLY],
        "failureTypeCounts": {kind.value: failures[kind] for kind in FailureType},
        "criticalInvariantCounts": {name: broken[name] for name in CRITICAL_INVARIANTS},
        "criticalMisses": sum(bool(result.violations) for result in results),
        "adjudicated": sum(result.adjudication is not None for result in results),
        "averages": {
            "score": _mean(result.score for result in results),
            "objectiveScore": _mean(result.objective_score for result in results),
            "judgeScore": _mean(_judged(result) for result in results),
            "risk": _mean(result.case.risk.score for result in results),
            "durationMs": _mean(result.duration_ms for result in results if result.attempts),
        },
        "diagnosis": "; ".join(trouble.diagnosis for trouble in troubles) or None,
    }


def is_clean(summary: dict[str, Any]) -> bool:
    """No failed case, no critical miss, no infrastructure to blame."""
    return not (summary["failed"] or summary["criticalMisses"] or any(summary["failureTypeCounts"].values()))


def _judged(result: CaseResult) -> int | None:
    judged = result.adjudication or result.judgement
    return judged.score if judged else None


def _mean(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 1) if known else None
