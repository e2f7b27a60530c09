"""Compares what a recorded job did with what it does now: outcome, verdict, effects. Pure; it runs nothing itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from messaging.replay.cases import CaseStatus, FailureType
from models.readings.recorded_jobs import RecordedEffect, RecordedJob
from policy.states import JobState, RunStatus


@dataclass(frozen=True, slots=True)
class Asked:
    """An effect that today's code asked for; `recorded` is its row, None where none was ever written."""

    key: str
    kind: str
    recorded: RecordedEffect | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a recorded job today. `wanted` names what it would have dispatched or sent, by actor and key."""

    status: RunStatus
    state: JobState
    verdict: str | None
    rule: str | None
    result: Any
    error: str | None
    asked: tuple[Asked, ...]
    wanted: tuple[tuple[str, str], ...]
    #: Where it failed as the ledger says it did then, there is nothing to compare: it fails again.
    as_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was recorded."""

    what: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class JobResult:
    """What the replay of one job came to. `failure` is one line, of a skipped job why."""

    recorded: RecordedJob
    status: CaseStatus
    failure_type: FailureType | None = None
    failure: str | None = None
    replayed: Replayed | None = None
    differences: tuple[Difference, ...] = ()
    duration_ms: int = 0


#: Runs a recorded job against today's code with its effects answered and its writes undone.
JobRunner = Callable[[RecordedJob], Replayed]

#: Ends of an attempt after which the job can be run again and compared.
_COMPARABLE = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})


def why_not(recorded: RecordedJob, untouchable: frozenset[str]) -> str | None:
    """Why this job cannot be replayed; None if it can. `untouchable` actors work on the ledger itself."""
    if recorded.job.actor in untouchable:
        return "it works on the ledger itself"
    if recorded.job.finished_at is None:
        return f"it is {recorded.job.state}, not over"
    if recorded.attempt is None:
        return "it never ran"
    if RunStatus(recorded.attempt.status) not in _COMPARABLE:
        return f"its last attempt ended {recorded.attempt.status}: nobody knows how it would have"
    return None


def differences(recorded: RecordedJob, replayed: Replayed) -> tuple[Difference, ...]:
    """What is not as recorded, the gravest first: effects that would happen, outcome, verdict, effects left out."""
    found = [Difference("would_send", None, one.key) for one in replayed.asked if one.recorded is None]
    attempt = recorded.attempt
    if attempt is not None and not found and not replayed.as_recorded:
        then = (attempt.status, recorded.job.state)
        now = (replayed.status.value, replayed.state.value)
        if then != now:
            found.append(Difference("outcome", "/".join(then), "/".join(now)))
        elif (attempt.verdict, attempt.rule) != (replayed.verdict, replayed.rule):
            found.append(
                Difference(
                    "verdict", _verdict(attempt.verdict, attempt.rule), _verdict(replayed.verdict, replayed.rule)
                )
            )
    before, after = effects_digest(recorded.effects), effects_digest(_own_effects(recorded, replayed))
    if before != after and not any(one.what == "would_send" for one in found):
        found.append(Difference("effects", before, after))
    return tuple(found)


def result_changed(recorded: RecordedJob, replayed: Replayed) -> bool:
    """Whether it succeeded then and now, with another result. Results follow the day's rows: told, not charged."""
    both = recorded.job.state == replayed.state.value == JobState.SUCCEEDED.value
    return both and digest(recorded.job.result) != digest(replayed.result)


def effects_digest(effects: Iterable[RecordedEffect | Asked]) -> str:
    """SHA-256 (hex) over what was asked of the outside world: each effect's key and kind, and what became of it."""
    told = sorted({_told(one) for one in effects})
    return digest(told)


def digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True, default=str).encode()).hexdigest()


def _own_effects(recorded: RecordedJob, replayed: Replayed) -> list[Asked]:
    """What was asked, without the effects of other jobs, which were answered from the ledger then, too."""
    return [one for one in replayed.asked if one.recorded is None or one.recorded.job_id == recorded.job.id]


def _told(effect: RecordedEffect | Asked) -> tuple[str, str, str]:
    row = effect.recorded if isinstance(effect, Asked) else effect
    became = "" if row is None else digest([row.state.value, row.refusal, row.result])
    return effect.key, effect.kind, became


def _verdict(verdict: str | None, rule: str | None) -> str:
    return f"{verdict or 'none'} by {rule or 'no rule'}"
