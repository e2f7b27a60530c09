"""Runs one case, again where another attempt may work, and charges what went wrong to where it went wrong.

Raises nothing: a case that breaks must not take the others with it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from messaging.replay.cases import CaseResult, CaseStatus, FailureType, Produced, ReplayCase
from messaging.replay.evaluation import Bar, History, evaluate
from messaging.replay.judge import Judge, JudgeFailed
from messaging.replay.pipeline import Pipeline
from messaging.replay.sealing import was_sealed
from models.faults import is_infrastructure
from policy.errors import NotFound
from policy.verdicts import Budgets, VerdictKind, classify

#: Seconds before a case is tried again, doubled each time; and the longest wait that an endpoint may ask for.
_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0
#: Characters of a failure's line.
_LINE_CHARS = 400


@dataclass(frozen=True, slots=True)
class Harness:
    """What every case of a run goes through."""

    pipeline: Pipeline
    bar: Bar
    judge: Judge | None
    history: History
    retries: int
    stopping: threading.Event


def run_case(case: ReplayCase, harness: Harness) -> CaseResult:
    """The case's result after at most `retries` further attempts; a draft that was written is not written again."""
    began_s = time.monotonic()
    produced: Produced | None = None
    result, attempt = CaseResult(case, CaseStatus.SKIPPED), 0
    for attempt in range(1, harness.retries + 2):
        try:
            produced = produced or harness.pipeline(case)
            result = evaluate(case, produced, harness.bar, harness.judge, harness.history)
            break
        except Exception as error:  # the edge of a case
            result = CaseResult(
                case,
                CaseStatus.FAILED,
                failure_type=_blame(error, drafted=produced is not None),
                failure=line_of(error),
                produced=produced,
            )
            if attempt > harness.retries or not _wait_for_another(error, attempt, harness.stopping):
                break
    return replace(result, attempts=attempt, duration_ms=round((time.monotonic() - began_s) * 1000))


def _blame(error: Exception, *, drafted: bool) -> FailureType:
    if was_sealed(error) or wanted_to_write(error):
        return FailureType.EXECUTION
    if isinstance(error, JudgeFailed):
        return FailureType.JUDGE
    if is_infrastructure(error):
        return FailureType.INFRA
    if isinstance(error, NotFound):
        return FailureType.SELECTION
    return FailureType.EXECUTION if drafted else FailureType.GENERATION


def _wait_for_another(error: Exception, attempt: int, stopping: threading.Event) -> bool:
    """Wait until another attempt may work; False where none can, or the run is being stopped."""
    cause = error.__cause__ if isinstance(error, JudgeFailed) and error.__cause__ else error
    verdict = classify(cause, attempt, Budgets(attempt - 1, None, 0), now=datetime.now(timezone.utc))
    if was_sealed(error) or wanted_to_write(error) or verdict.kind not in (VerdictKind.RETRY, VerdictKind.THROTTLED):
        return False
    asked_s = _WAIT_S * 2 ** (attempt - 1) if verdict.wait_s is None else verdict.wait_s
    return not stopping.wait(min(asked_s, _LONGEST_WAIT_S))


def wanted_to_write(error: BaseException) -> bool:
    """Whether the database refused a write: here it is only read (SQLSTATE 25006)."""
    return getattr(error, "pgcode", None) == "25006"


def line_of(error: BaseException) -> str:
    """One line about a failure and what it came of: class and text of each link, without repeating itself."""
    links: list[str] = []
    link: BaseException | None = error.__cause__ if isinstance(error, JudgeFailed) and error.__cause__ else error
    while link is not None and len(links) < 3:
        links.append(" ".join(f"{type(link).__name__}: {link}".split()))
        link = link.__cause__
    return " <- ".join(links)[:_LINE_CHARS]
