"""The values of a replay: a case, what became of it, and the closed sets of words for both. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from messaging.drafts import DraftText
from messaging.invariants import DraftContext, Violation
from policy.states import Word


class CaseStatus(Word):
    """How far a case came. A failed one is charged with a failure type; a skipped one was never run."""

    SELECTED_ONLY = "selected_only"
    SKIPPED = "skipped"
    EVALUATED = "evaluated"
    FAILED = "failed"


class FailureType(Word):
    """What a failed case is charged with (docs/replay.md)."""

    DECISION = "decision_error"
    GENERATION = "draft_generation_error"
    QUALITY = "draft_quality_error"
    JUDGE = "judge_error"
    INFRA = "infra_error"
    SELECTION = "selection_error"
    EXECUTION = "execution_error"


@dataclass(frozen=True, slots=True)
class Risk:
    """How much there is to get wrong: 0 to 100, and the names of the rules that say so."""

    score: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayCase:
    """One inbound lead message of a thread, to be answered again. The thread is its lead's, under the lead's id."""

    lead_message_id: UUID
    thread_id: UUID
    client_id: str
    channel: str
    subject: str
    body: str
    sent_at: datetime
    never_answer: str | None = None
    risk: Risk = Risk(0)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A lead message before the case's, as a judge reads it."""

    inbound: bool
    sent_at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class Produced:
    """What the pipeline made of a case: a draft and what it may say, or why there is to be none."""

    draft: DraftText | None
    context: DraftContext | None = None
    refusal: str | None = None
    #: How often it was written, where the pipeline objected to it.
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """An objective check that a draft did not pass: its name, the points it costs, the draft's words that show it."""

    check: str
    points: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's opinion of a draft: 0 to 100, with reasons."""

    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """All that is known of a case when it is over. `failure` is one line."""

    case: ReplayCase
    status: CaseStatus
    failure_type: FailureType | None = None
    failure: str | None = None
    attempts: int = 0
    duration_ms: int = 0
    produced: Produced | None = None
    findings: Sequence[Finding] = ()
    violations: Sequence[Violation] = ()
    judgement: Judgement | None = None
    adjudication: Judgement | None = None
    objective_score: int | None = None
    score: int | None = None
    threshold: int | None = None
    #: What else the artifact shows of it, in its own keys.
    extra: Mapping[str, Any] = field(default_factory=dict)
