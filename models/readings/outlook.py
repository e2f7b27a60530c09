"""Says of a job why it is where it is, and what will happen next and when. Pure: it is given the rows."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from typing_extensions import assert_never

from models.readings.attempts import AttemptRow
from models.readings.chain import Chain
from models.readings.jobs import JobRow
from models.readings.letters import LetterRow
from models.readings.wording import ago, moment, plural
from models.readings.workers import Life
from policy.requeue import REFUSALS
from policy.states import EffectState, JobState, Resolution


@dataclass(frozen=True, slots=True)
class Outlook:
    """Two sentences about a job; `next` begins with `Nothing` where nothing will happen by itself."""

    job_id: UUID
    now: str
    next: str


def outlook(job: JobRow, chain: Chain) -> Outlook:
    """Where `job` of `chain` stands and what comes next."""
    now, following = _said(job, chain)
    return Outlook(job.id, now, following)


def letter_outlook(letter: LetterRow, chain: Chain) -> str:
    """What an operator may do with an open letter now."""
    refusal = chain.refusals.get(letter.id)
    if refusal is None:
        verbs = f"`callboard dlq requeue {letter.id}` runs it again, `callboard dlq discard` closes it for good"
        return f"Nothing by itself: {verbs}."
    told = f"Nothing by itself. A requeue would be refused now, {refusal}: {REFUSALS[refusal]}"
    if refusal == "unknown_effects":
        told += f" `callboard dlq settle {letter.id} --effect KEY --as sent|not-sent` says what became of it."
    return told


def _said(job: JobRow, chain: Chain) -> tuple[str, str]:
    state = JobState(job.state)
    if state is JobState.PENDING:
        return _pending(job, chain)
    if state is JobState.QUEUED:
        return _queued(job, chain)
    if state is JobState.RUNNING:
        return _running(job, chain)
    if state is JobState.SUCCEEDED:
        return _succeeded(job, chain)
    if state is JobState.DEAD:
        return _dead(job, chain)
    if state is JobState.CANCELLED or state is JobState.DISCARDED:
        return f"{state}{_since(job, chain)}", "Nothing: its key is free, the same work may be dispatched again."
    assert_never(state)


def _pending(job: JobRow, chain: Chain) -> tuple[str, str]:
    why = _why_waiting(job, chain)
    if job.run_at > chain.now:
        when = f"{moment(job.run_at)} ({ago(job.run_at, chain.now)})"
        return f"pending until {when}{why}", _unless_unserved(job, chain, f"A relay releases it then. {_budget(job)}")
    following = f"A relay releases it within seconds, in turn between clients. {_budget(job)}"
    return f"pending, due {ago(job.run_at, chain.now)}{why}", _unless_unserved(job, chain, following)


def _queued(job: JobRow, chain: Chain) -> tuple[str, str]:
    released = ago(job.released_at, chain.now) if job.released_at else "once"
    following = f"The next free worker of queue {job.queue} claims it; should its copy be lost, it is released again."
    now = f"queued: release {job.release} went out {released}, nobody has claimed it"
    return now, _unless_unserved(job, chain, f"{following} {_budget(job)}")


def _running(job: JobRow, chain: Chain) -> tuple[str, str]:
    last = _last_attempt(job, chain)
    since = f" since {ago(last.claimed_at, chain.now)}" if last else ""
    worker = chain.workers.get(job.worker_id) if job.worker_id else None
    now = f"running: attempt {job.attempts}{since.replace(' ago', '')} on worker {job.worker_id}"
    if worker is None:
        return now, "A relay gives it back: its worker is not known."
    life = worker.life(chain.now, chain.lease_s)
    now += f" ({worker.host}, pid {worker.pid}, {life}, last beat {ago(worker.heartbeat_at, chain.now)})"
    if life is Life.ALIVE:
        return now, f"It ends by itself; if the worker is silent for {chain.lease_s:g} s, the job is pending again."
    if life is Life.SILENT:
        return now, "A relay of a living worker declares the loss; then the attempt is LOST and the job pending again."
    return now, "A relay of a living worker closes the attempt as LOST and makes the job pending again."


def _succeeded(job: JobRow, chain: Chain) -> tuple[str, str]:
    now = f"succeeded{_since(job, chain)} in attempt {job.attempts}"
    if job.holds_key and job.key_expires_at > chain.now:
        return now, f"Nothing. Until {moment(job.key_expires_at)} dispatching its key again is a duplicate."
    return now, "Nothing. Its key may be dispatched again."


def _dead(job: JobRow, chain: Chain) -> tuple[str, str]:
    letter = next((one for one in chain.letters if one.job_id == job.id and one.resolution == Resolution.OPEN), None)
    reason = f", {letter.reason}" if letter else ""
    error = f": {_first_line(job.last_error)}" if job.last_error else ""
    now = f"dead{_since(job, chain)}{reason}{error}"
    unknown = [
        effect.effect_key for effect in chain.effects if effect.job_id == job.id and effect.state == EffectState.UNKNOWN
    ]
    if unknown:
        now += f"; held, because nobody knows whether {', '.join(unknown)} happened"
    return now, letter_outlook(letter, chain) if letter else "Nothing: it has no open letter."


def _why_waiting(job: JobRow, chain: Chain) -> str:
    last = _last_attempt(job, chain)
    if last is None:
        return ""
    by = f", {last.verdict} by rule {last.rule}" if last.verdict else ""
    return f", after attempt {last.attempt} {last.status}{by}"


def _last_attempt(job: JobRow, chain: Chain) -> AttemptRow | None:
    return next((attempt for attempt in reversed(chain.attempts) if attempt.job_id == job.id), None)


def _budget(job: JobRow) -> str:
    if job.attempts_allowed is None:
        return f"It has spent {plural(job.attempts_spent, 'attempt')}; it may spend any number."
    return f"It has spent {job.attempts_spent} of {plural(job.attempts_allowed, 'attempt')}."


def _unless_unserved(job: JobRow, chain: Chain, following: str) -> str:
    if job.queue not in chain.unserved:
        return following
    return f"Nothing until a worker serves queue {job.queue}: none lives. Start one with `callboard worker`."


def _since(job: JobRow, chain: Chain) -> str:
    return f" {ago(job.finished_at, chain.now)}" if job.finished_at else ""


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
