"""Tells a chain in order of time: one event a line, from rows alone. Pure: it is given the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models.readings.actions import ActionRow
from models.readings.attempts import AttemptRow
from models.readings.chain import Chain
from models.readings.effects import EffectRow
from models.readings.jobs import JobRow
from models.readings.letters import LetterRow
from models.readings.replies import DraftRow, LeadMessageRow
from models.readings.windows import WindowRow
from models.readings.wording import moment, plural, span
from policy.states import DeadReason, EffectState, RunStatus
from policy.verdicts import RULES, UNCLASSIFIED

#: What the rules mean that no line of the verdicts' table stands for.
_OTHER_RULES = {
    UNCLASSIFIED: "no rule knows this error",
    "given-back": "the worker gave it back before it had started: nothing is spent",
    "failed-by-hand": "the message was failed without an error",
    "age-limit": "the message was older than its max_age",
    "skipped": "a hook said that it is not wanted",
}
#: Why a job is dead, in a few words.
_REASONS = {
    DeadReason.TERMINAL: "it can never work",
    DeadReason.EXHAUSTED: "it has spent all it may spend",
    DeadReason.POISON: "it brought down every worker that ran it",
    DeadReason.OUTCOME_UNKNOWN: "an effect of it may or may not have happened",
    DeadReason.EXPIRED: "it was older than its max_age",
    DeadReason.UNDECODABLE: "its bytes are no message",
    DeadReason.ACTOR_NOT_FOUND: "no worker knows its actor",
    DeadReason.REFUSED_BY_LEDGER: "the ledger could not store it",
}
#: A letter is written by the statement that closes its attempt, their times a hair apart.
_SAME_STATEMENT = timedelta(seconds=1)
_RULES = {rule.id: rule.description for rule in RULES} | _OTHER_RULES


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `what` in one word, `text` in a sentence, `facts` for machines."""

    at: datetime
    what: str
    text: str
    job_id: UUID | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def tell(chain: Chain) -> list[Event]:
    """All events of the chain, the first first; of the same moment, causes before what follows from them."""
    return sorted(_events(chain), key=lambda event: event.at)


def describe_rule(rule: str) -> str:
    """What a rule's id means; empty for a rule of another version of the code."""
    return _RULES.get(rule, "")


def _events(chain: Chain) -> Iterator[Event]:
    yield from map(_arrived, chain.lead_messages)
    yield from map(_window, chain.windows)
    for job in chain.jobs:
        yield _dispatched(job, chain)
        yield from _duplicates(job)
        yield from _released(job)
    for attempt in chain.attempts:
        yield _claimed(attempt)
        yield from _ended(attempt)
    yield from map(_effect, chain.effects)
    yield from map(_drafted, chain.drafts)
    yield from map(_child, chain.children)
    for letter in chain.letters:
        yield _died(letter, chain)
    yield from map(_acted, chain.actions)


def _arrived(message: LeadMessageRow) -> Event:
    text = f"{message.direction} lead message {message.id} ({message.channel}) of lead {message.lead_id} stored"
    if message.never_answer:
        text += f"; never answered: {message.never_answer}"
    return Event(message.created_at, "message", text, facts={"lead_message_id": message.id, "lead_id": message.lead_id})


def _window(window: WindowRow) -> Event:
    start = moment(window.window_start)
    text = f"window {start} ({window.window_seconds} s) asked for by {window.source}: {window.status}"
    if window.missed_before:
        text += f", {plural(window.missed_before, 'window')} missed before it"
    if window.error_message:
        text += f": {window.error_message}"
    facts = {"dispatch_key": window.dispatch_key, "status": window.status, "source": window.source}
    return Event(window.requested_at, "window", text, facts=facts)


def _dispatched(job: JobRow, chain: Chain) -> Event:
    text = f"{job.actor} asked for by {_asker(job, chain)}"
    if job.dispatch_key != str(job.id):
        text += f", key {job.dispatch_key}"
    facts = {"source": job.source, "causation_id": job.causation_id, "dispatch_key": job.dispatch_key}
    return Event(job.created_at, "dispatched", text, job.id, facts)


def _asker(job: JobRow, chain: Chain) -> str:
    parent = chain.relatives.get(job.causation_id or "") or next(
        (other for other in chain.jobs if str(other.id) == job.causation_id), None
    )
    source = job.source or "an unnamed source"
    if parent is not None:
        return f"job {parent.id} ({parent.actor}), source {source}"
    return f"job {job.causation_id} (pruned), source {source}" if job.causation_id else source


def _duplicates(job: JobRow) -> Iterator[Event]:
    if job.duplicates_suppressed:
        told = plural(job.duplicates_suppressed, "duplicate")
        text = f"{told} of its key refused since"
        yield Event(job.created_at, "duplicates", text, job.id, {"duplicates_suppressed": job.duplicates_suppressed})


def _released(job: JobRow) -> Iterator[Event]:
    if job.released_at is not None:
        earlier = "; earlier ones are only counted" if job.release > 1 else ""
        text = f"release {job.release} into queue {job.queue}{earlier}"
        facts = {"release": job.release, "queue": job.queue}
        # A job that is born released has its release time from the same statement, a hair before its own.
        yield Event(max(job.released_at, job.created_at), "released", text, job.id, facts)


def _claimed(attempt: AttemptRow) -> Event:
    waited = f", waited {span(attempt.queue_ms / 1000)}" if attempt.queue_ms is not None else ""
    worker = str(attempt.worker_id)[:8]
    text = f"attempt {attempt.attempt} by worker {worker} on {attempt.host}, pid {attempt.pid}{waited}"
    facts = {
        "run_key": attempt.run_key,
        "attempt": attempt.attempt,
        "worker_id": attempt.worker_id,
        "host": attempt.host,
        "pid": attempt.pid,
        "queue_ms": attempt.queue_ms,
    }
    return Event(attempt.claimed_at, "claimed", text, attempt.job_id, facts)


def _ended(attempt: AttemptRow) -> Iterator[Event]:
    if attempt.finished_at is not None:
        facts = {
            "run_key": attempt.run_key,
            "attempt": attempt.attempt,
            "status": attempt.status,
            "duration_ms": attempt.duration_ms,
            "error_class": attempt.error_class,
            "error_message": attempt.error_message,
            "verdict": attempt.verdict,
            "rule": attempt.rule,
        }
        yield Event(attempt.finished_at, attempt.status.lower(), _outcome(attempt), attempt.job_id, facts)
    if attempt.late_at is not None:
        text = f"attempt {attempt.attempt} was reported {attempt.late_status} when its claim was over: nothing moved"
        yield Event(attempt.late_at, "late", text, attempt.job_id, {"late_status": attempt.late_status})


def _outcome(attempt: AttemptRow) -> str:
    text = f"attempt {attempt.attempt}"
    if attempt.duration_ms is not None:
        text += f" after {span(attempt.duration_ms / 1000)}"
    if attempt.error_class:
        text += f": {attempt.error_class}: {_first_line(attempt.error_message)}"
    if attempt.verdict and attempt.status != RunStatus.SUCCEEDED:
        meaning = describe_rule(attempt.rule or "")
        text += f" -> {attempt.verdict}, rule {attempt.rule}" + (f" ({meaning})" if meaning else "")
    return text


def _effect(effect: EffectRow) -> Event:
    attempt = effect.run_key.rpartition(":")[2]
    text = f"{effect.kind} {effect.effect_key} {effect.state} in attempt {attempt}"
    if effect.intents > 1:
        text += f", begun {effect.intents} times"
    if effect.provider_reference:
        text += f", provider's reference {effect.provider_reference}"
    if effect.refusal:
        text += f": {effect.refusal}"
    if effect.state == EffectState.UNKNOWN:
        text += ": nobody knows whether it happened"
    facts = {
        "effect_key": effect.effect_key,
        "kind": effect.kind,
        "state": effect.state,
        "provider_reference": effect.provider_reference,
        "refusal": effect.refusal,
        "intended_at": effect.intended_at,
    }
    return Event(effect.settled_at or effect.intended_at, "effect", text, effect.job_id, facts)


def _drafted(draft: DraftRow) -> Event:
    text = f"draft {draft.id} written by {draft.model}, {draft.status} now"
    if draft.refusal:
        text += f": {draft.refusal}"
    facts = {"draft_id": draft.id, "status": draft.status, "refusal": draft.refusal}
    return Event(draft.created_at, "draft", text, facts=facts)


def _child(child: JobRow) -> Event:
    text = f"job {child.id} ({child.actor}) dispatched from here, {child.state} now"
    facts = {"child_id": child.id, "actor": child.actor, "state": child.state}
    parent = UUID(child.causation_id) if child.causation_id else None
    return Event(child.created_at, "child", text, parent, facts)


def _died(letter: LetterRow, chain: Chain) -> Event:
    reason = _REASONS[DeadReason(letter.reason)]
    text = f"dead letter {letter.id}, {letter.reason}: {reason}; {letter.resolution} now"
    if letter.job_id is None:
        text += f", adopted from {letter.queue}.XQ"
    if letter.error_class and letter.job_id is None:
        text += f": {letter.error_class}: {_first_line(letter.error_message)}"
    facts = {"letter_id": letter.id, "reason": letter.reason, "resolution": letter.resolution}
    closed = (attempt.finished_at for attempt in chain.attempts if attempt.job_id == letter.job_id)
    last = max((at for at in closed if at and at - letter.died_at < _SAME_STATEMENT), default=letter.died_at)
    return Event(max(letter.died_at, last), "dead", text, letter.job_id, facts)


def _acted(action: ActionRow) -> Event:
    text = f"{action.operator}: {action.verb}: {action.result}"
    if action.reason:
        text += f" (reason: {action.reason})"
    facts = {"operator": action.operator, "verb": action.verb, "result": action.result, "target": action.target}
    return Event(action.at, "operator", text, facts=facts)


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
