"""What is said of a finish once it has committed: counters, log lines, the status document, the copy's end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from middleware import logs, metrics
from middleware.in_hand import Held
from middleware.logs import event
from middleware.redis_broker import Settled
from models.job_status import JobStatus
from models.ledger.finish import Failure, Finish, Finished
from policy.keys import run_key
from policy.states import FINISHED_STATES, DeadReason, JobState, RunStatus

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

_FINAL = frozenset(state.value for state in FINISHED_STATES)


def report(process: WorkerProcess, batch: Sequence[tuple[Held, Finish]], finished: Finished) -> None:
    """Count and log each finish of a committed batch; stale ones as what they are."""
    stale = {id(done) for done in finished.stale}
    closed = [item for item in batch if id(item[1]) not in stale] if stale else batch
    for held, done in batch if stale else ():
        if id(done) in stale:
            metrics.stale_write(held.actor)
            event("stale_write_rejected", "WARNING", **_fields(held, done))
    logs.events("attempt_closed", [_fields(held, done) for held, done in closed])
    _count(process, closed)
    for job in finished.released:
        metrics.job_dispatched(job.actor, job.source)


def opened(claims: Sequence[Held]) -> None:
    """Claims were taken: count how long their jobs had been due."""
    taken: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for held in claims:
        taken[held.actor, held.queue].append(held)
    for labels, group in taken.items():
        waited_s = [held.claim.queue_ms / 1000 for held in group]
        metrics.attempts_opened(*labels, waited_s, _key_of_longest(waited_s, group))


def given_back(held: Held) -> None:
    """A claim went back unstarted."""
    metrics.attempts_closed(held.actor, held.queue, RunStatus.CANCELLED.value)
    event("claim_given_back", "DEBUG", job_id=str(held.claim.job_id), actor=held.actor, attempt=held.claim.attempt)


def timed(seconds: float, batch_size: int) -> None:
    """One finish statement with its commit took so long."""
    metrics.ledger_timed("finish", seconds, batch_size)


def without_texts(done: Finish) -> Finish:
    """The same outcome with everything left out that a row could refuse."""
    failure = done.failure and Failure(done.failure.error_class[:200], "(text refused by the ledger)", "", "refused")
    return done._replace(failure=failure, result=None)


def barer(done: Finish) -> Finish:
    """What to write where PostgreSQL has refused `done`; the same again where nothing is left to leave out."""
    bare = without_texts(done)
    return bare if bare != done else _refused_by_ledger(done)


def _refused_by_ledger(done: Finish) -> Finish:
    """What is written where the outcome itself is refused, its follow-ups included: running it again would not help."""
    rule = "refused-by-ledger"
    text = "the ledger refused what was to be written of this attempt"
    return Finish(
        done.claim,
        RunStatus.FAILED.value,
        JobState.DEAD.value,
        started_after_s=done.started_after_s,
        duration_s=done.duration_s,
        verdict="terminal",
        rule=rule,
        death=DeadReason.REFUSED_BY_LEDGER.value,
        failure=Failure("RefusedByLedger", text, "", rule),
        redis_id=done.redis_id,
    )


def settled(held: Held, done: Finish, *, stale: bool = False) -> Settled:
    """What becomes of the copy: dead jobs' copies become dead-letter entries. A stale finish has killed no job."""
    return Settled(held.queue, held.redis_id or "", dead=done.state == JobState.DEAD.value and not stale)


def last_statuses(batch: Sequence[tuple[Held, Finish]]) -> list[JobStatus]:
    """Status documents after a batch: one a client and actor, of its last finish."""
    last = {(held.claim.client_id, held.actor): (held, done) for held, done in batch}
    return [status(held, done) for held, done in last.values()]


def status(held: Held, done: Finish) -> JobStatus:
    """The job's status document after this finish."""
    claim = held.claim
    started_at = None if done.started_after_s is None else claim.claimed_at + timedelta(seconds=done.started_after_s)
    return replace(
        JobStatus.of(claim, held.actor, "succeeded" if done.status == RunStatus.SUCCEEDED.value else "failed"),
        started_at=started_at,
        finished_at=held.database_now(),
        duration_ms=None if done.duration_s is None else round(done.duration_s * 1000, 3),
        last_error=_why(done),
    )


def _why(done: Finish) -> str | None:
    """Why it is not done: the error, or what was decided, by which rule, and for which reason."""
    if done.failure is not None or done.verdict is None:
        return done.failure.message if done.failure else None
    return f"{done.verdict} ({done.rule})" + (f": {done.reason}" if done.reason else "")


def running_statuses(claimed: Sequence[Held]) -> list[JobStatus]:
    """Status documents of a claimed batch: one a client and actor, of its last claim."""
    return [running_status(held) for held in {(held.claim.client_id, held.actor): held for held in claimed}.values()]


def running_status(held: Held) -> JobStatus:
    """The job's status document while it is in hand."""
    return replace(JobStatus.of(held.claim, held.actor, "running"), started_at=held.claim.claimed_at)


def _count(process: WorkerProcess, batch: Sequence[tuple[Held, Finish]]) -> None:
    """Counters take one addition a batch and label; only durations are observed one by one."""
    attempts = Counter((held.actor, held.queue, done.status) for held, done in batch)
    for labels, times in attempts.items():
        metrics.attempts_closed(*labels, times)
    final = Counter((held.actor, done.state, held.claim.client_id) for held, done in batch if done.state in _FINAL)
    for (actor, state, client_id), times in final.items():
        metrics.job_finished(actor, state, client_id, times)
    durations_s: dict[tuple[str, str], list[float]] = defaultdict(list)
    started: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for held, done in batch:
        if done.duration_s is not None:
            process.took(done.duration_s)
            durations_s[held.actor, held.queue].append(done.duration_s)
            started[held.actor, held.queue].append(held)
        if done.verdict and done.rule:
            metrics.verdict_given(held.actor, done.verdict, done.rule)
        if done.death:
            metrics.dead_letter(held.actor, done.death)
    for (actor, queue), took_s in durations_s.items():
        metrics.attempts_took(actor, queue, took_s, _key_of_longest(took_s, started[actor, queue]))


def _key_of_longest(seconds: Sequence[float], group: Sequence[Held]) -> str:
    """The run key of the attempt with the greatest of these seconds: one a batch, as an exemplar."""
    held = group[seconds.index(max(seconds))]
    return run_key(held.actor, held.claim.job_id, held.claim.attempt)


def _fields(held: Held, done: Finish) -> dict[str, Any]:
    claim = held.claim
    fields: dict[str, Any] = {
        "job_id": claim.job_id,
        "dispatch_key": claim.dispatch_key,
        "correlation_id": claim.correlation_id,
        "actor": held.actor,
        "attempt": claim.attempt,
        "client_id": claim.client_id,
        "outcome": done.status,
        "state": done.state,
        "duration_ms": None if done.duration_s is None else round(done.duration_s * 1000, 3),
    }
    if done.verdict:
        fields |= {"verdict": done.verdict, "rule": done.rule}
    if done.failure:
        fields["error_class"] = done.failure.error_class
    return fields
