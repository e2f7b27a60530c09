"""Replays recorded jobs one after the other, sealed, and says what each came to. It must not know how a job is run."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from messaging.replay.artifact import instant
from messaging.replay.attempts import line_of
from messaging.replay.cases import CaseStatus, FailureType
from messaging.replay.recorded import (
    Difference,
    JobResult,
    JobRunner,
    Replayed,
    differences,
    digest,
    effects_digest,
    result_changed,
    why_not,
)
from messaging.replay.running import run_all
from messaging.replay.sealing import sealed, was_sealed
from messaging.replay.summary import Trouble, summary_of
from models.faults import is_infrastructure
from models.readings.recorded_jobs import RecordedJob

#: What is charged for a difference.
_CHARGES = {
    "would_send": FailureType.DECISION,
    "outcome": FailureType.EXECUTION,
    "verdict": FailureType.DECISION,
    "effects": FailureType.DECISION,
}

OnJobDone = Callable[[JobResult, int], None]


@dataclass(frozen=True, slots=True)
class JobsOutcome:
    """A result for every job, in order; what the seal stopped; the interrupt that cut the run short, if one did."""

    results: list[JobResult]
    stopped: tuple[str, ...]
    cut_short: BaseException | None


def run_jobs(
    jobs: Sequence[RecordedJob], runner: JobRunner, untouchable: frozenset[str], retries: int, on_done: OnJobDone
) -> JobsOutcome:
    """Replay the jobs one at a time: two of one lead would wait for each other's locks.

    A job is run again where the database was busy, at most `retries` times.
    """
    with sealed() as seal:
        finished = run_all(
            jobs,
            lambda job: _run(job, runner, untouchable, retries),
            concurrency=1,
            stopping=threading.Event(),
            on_done=on_done,
        )
    skipped = [JobResult(job, CaseStatus.SKIPPED, failure="the run was cut short") for job in jobs]
    results = [finished.results.get(place, without) for place, without in enumerate(skipped)]
    return JobsOutcome(results, tuple(seal.stopped), finished.cut_short)


def _run(job: RecordedJob, runner: JobRunner, untouchable: frozenset[str], retries: int) -> JobResult:
    reason = why_not(job, untouchable)
    if reason is not None:
        return JobResult(job, CaseStatus.SKIPPED, failure=reason)
    began_s = time.monotonic()
    replayed = _replayed(job, runner, retries)
    if isinstance(replayed, JobResult):
        return replayed
    found = differences(job, replayed)
    charge = _CHARGES[found[0].what] if found else None
    return JobResult(
        job,
        CaseStatus.FAILED if found else CaseStatus.EVALUATED,
        charge,
        _line(found, replayed) if found else None,
        replayed,
        found,
        round((time.monotonic() - began_s) * 1000),
    )


def _replayed(job: RecordedJob, runner: JobRunner, retries: int) -> Replayed | JobResult:
    """What it came to; a failed result where it could not be run at all, or the database stayed busy."""
    for left in range(retries, -1, -1):
        try:
            return runner(job)
        except Exception as error:  # the edge of a job: no actor of that name, an envelope that cannot be decoded
            away = is_infrastructure(error) and not was_sealed(error)
            if not away or not left:
                charged = FailureType.INFRA if away else FailureType.EXECUTION
                return JobResult(job, CaseStatus.FAILED, charged, line_of(error))
    raise AssertionError("a last attempt gives something")


def _line(found: Sequence[Difference], replayed: Replayed) -> str:
    first = found[0]
    if first.what == "would_send":
        return f"would send {first.replayed}, which was never recorded"
    said = f"{first.what} was {first.recorded}, is {first.replayed}"
    return f"{said} ({replayed.error})" if replayed.error and first.what == "outcome" else said


def jobs_summary(results: Sequence[JobResult], troubles: Sequence[Trouble]) -> dict[str, Any]:
    """The summary of a replay of jobs, with the keys of one of cases."""
    statuses = Counter(result.status for result in results)
    failures = Counter(result.failure_type for result in results if result.failure_type is not None)
    summary = summary_of((), troubles)
    counts = summary["failureTypeCounts"]
    return {
        **summary,
        "cases": len(results),
        "evaluated": statuses[CaseStatus.EVALUATED],
        "failed": statuses[CaseStatus.FAILED],
        "skipped": statuses[CaseStatus.SKIPPED],
        "failureTypeCounts": {kind.value: counts[kind.value] + failures[kind] for kind in FailureType},
        "differences": dict(Counter(one.what for result in results for one in result.differences)),
        "resultsChanged": sum(_changed(result) for result in results),
    }


def job_told(result: JobResult) -> dict[str, Any]:
    """One job as the artifact shows it. Results and effects stand there as digests: they may hold what leads wrote."""
    job, attempt, replayed = result.recorded.job, result.recorded.attempt, result.replayed
    return {
        "caseId": str(job.id),
        "actor": job.actor,
        "queue": job.queue,
        "clientId": job.client_id,
        "dispatchKey": job.dispatch_key,
        "finishedAt": instant(job.finished_at),
        "status": result.status.value,
        "failureType": result.failure_type.value if result.failure_type else None,
        "failure": result.failure,
        "score": None,
        "durationMs": result.duration_ms,
        "recorded": {
            "state": job.state,
            "status": attempt.status if attempt else None,
            "verdict": attempt.verdict if attempt else None,
            "rule": attempt.rule if attempt else None,
            "resultDigest": digest(job.result),
            "effectDigest": effects_digest(result.recorded.effects),
            "effects": [
                {"key": one.key, "kind": one.kind, "state": one.state.value} for one in result.recorded.effects
            ],
        },
        "replayed": None if replayed is None else _replayed_told(replayed),
        "resultChanged": _changed(result),
        "differences": [
            {"what": one.what, "recorded": one.recorded, "replayed": one.replayed} for one in result.differences
        ],
    }


def _replayed_told(replayed: Replayed) -> dict[str, Any]:
    return {
        "state": replayed.state.value,
        "status": replayed.status.value,
        "verdict": replayed.verdict,
        "rule": replayed.rule,
        "error": replayed.error,
        "resultDigest": digest(replayed.result),
        "effectDigest": effects_digest(replayed.asked),
        "effects": [
            {"key": one.key, "kind": one.kind, "state": one.recorded.state.value if one.recorded else None}
            for one in replayed.asked
        ],
        "wouldDispatch": [{"actor": actor, "dispatchKey": key} for actor, key in replayed.wanted],
    }


def _changed(result: JobResult) -> bool:
    return result.replayed is not None and result_changed(result.recorded, result.replayed)
