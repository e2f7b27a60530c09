"""What forbids an operator's verb on a dead letter (docs/architecture.md). The statements hold the same conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from policy.states import DeadReason, JobState, Resolution

#: Stable name of each refusal and the sentence an operator reads.
REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "not_open": "The letter has been requeued or discarded already.",
        "live_claim": "A worker holds a live claim on the job: wait until it ends or its lease is over.",
        "succeeded": "The job has succeeded: running it again would do its work twice.",
        "not_dead": "The job is not dead: it has been brought back or closed by other means.",
        "unknown_effects": "An effect of the job may or may not have happened: settle it first.",
        "key_taken": "Another job holds the dispatch key by now: it does this letter's work.",
        "undecodable": "The bytes cannot be read as a message: it can only be discarded.",
        "changed_since": "The letter is not as it was when it was planned: plan anew.",
        "not_unknown": "The effect's outcome is known: there is nothing to settle.",
        "reason_missing": "Say why: a discard needs a reason.",
    }
)


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What the invariants ask of a letter, read in one statement.

    `job_state` is None for an adopted letter, which has no job yet; `reason` is why it died.
    """

    resolution: Resolution
    job_state: JobState | None
    live_claim: bool = False
    unknown_effects: int = 0
    key_held_by_other: UUID | str | None = None
    adopted: bool = False
    decodable: bool = True
    reason: DeadReason | None = None


def requeue_refusal(facts: LetterFacts) -> str | None:
    """The name of the first invariant that forbids to requeue this letter, or None."""
    refused = move_refusal(facts)
    if refused:
        return refused
    if not facts.decodable or facts.reason is DeadReason.UNDECODABLE:
        return "undecodable"
    if facts.key_held_by_other is not None:
        return "key_taken"
    return None


def discard_refusal(facts: LetterFacts, reason: str) -> str | None:
    """The name of the first invariant that forbids to discard this letter for `reason`, or None."""
    refused = move_refusal(facts)
    if refused:
        return refused
    return None if reason.strip() else "reason_missing"


def move_refusal(facts: LetterFacts) -> str | None:
    """What forbids any verb: only an open letter of a dead job moves, with all its effects known."""
    if facts.resolution is not Resolution.OPEN:
        return "not_open"
    if facts.live_claim or facts.job_state is JobState.RUNNING:
        return "live_claim"
    if facts.job_state is JobState.SUCCEEDED:
        return "succeeded"
    if not (facts.job_state is JobState.DEAD or (facts.job_state is None and facts.adopted)):
        return "not_dead"
    return "unknown_effects" if facts.unknown_effects else None
