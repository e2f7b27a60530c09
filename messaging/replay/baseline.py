"""Compares a replay with an earlier one, case by case. Pure, but for reading the earlier one's artifact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from messaging.replay.cases import CaseResult, FailureType
from policy.errors import CallboardError

#: Points from which on a difference means something.
MATERIAL_POINTS = 5
#: Failures that say nothing of the draft.
_SAY_NOTHING = frozenset({FailureType.JUDGE, FailureType.INFRA, FailureType.SELECTION})


class BaselineUnreadable(CallboardError):
    """The baseline is not an artifact of a replay.

    Acts: the caller.
    """


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier replay: its id and the score of each of its cases. A draft that failed has the score 0."""

    run_id: str
    scores: dict[str, int]


def read_baseline(file: Path) -> Baseline:
    """The scores of an artifact. Raises BaselineUnreadable."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        cases = told["cases"]
        scored = {str(case["caseId"]): _score_told(case) for case in cases}
        return Baseline(str(told["runId"]), {name: score for name, score in scored.items() if score is not None})
    except OSError as error:
        raise BaselineUnreadable(f"baseline {file}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BaselineUnreadable(f"baseline {file} is not the artifact of a replay") from error


def _score_told(case: dict[str, Any]) -> int | None:
    score = case["score"]
    if score is None and case["status"] == "failed":
        return None if case.get("failureType") in _SAY_NOTHING else 0
    return None if score is None else int(score)


def diff(results: Sequence[CaseResult], baseline: Baseline) -> dict[str, Any]:
    """Which cases are better, worse or the same than in the baseline (MATERIAL_POINTS), and which it does not know."""
    groups: dict[str, list[dict[str, Any]]] = {"improved": [], "regressed": [], "unchanged": [], "new": []}
    for result in results:
        score = _score_of(result)
        if score is None:
            continue
        case_id = str(result.case.lead_message_id)
        before = baseline.scores.get(case_id)
        groups[_group(before, score)].append({"caseId": case_id, "before": before, "after": score})
    return {
        "baselineRunId": baseline.run_id,
        "materialPoints": MATERIAL_POINTS,
        "counts": {name: len(found) for name, found in groups.items()},
        **groups,
    }


def _score_of(result: CaseResult) -> int | None:
    if result.score is None and result.failure_type is not None:
        return None if result.failure_type in _SAY_NOTHING else 0
    return result.score


def _group(before: int | None, after: int) -> str:
    if before is None:
        return "new"
    if abs(after - before) < MATERIAL_POINTS:
        return "unchanged"
    return "improved" if after > before else "regressed"
