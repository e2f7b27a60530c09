"""Finish and give back: attempts are closed and their jobs moved by one guarded statement. It must not know Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from models.arrays import uuid_array
from models.crash_points import crash_point
from models.database import atomic, run
from models.ledger.claim import Claimed
from models.ledger.dispatch import Wanted, dispatch_jobs
from policy.states import RunStatus


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, ready for storage: texts are capped and scrubbed."""

    error_class: str
    message: str
    traceback: str
    fingerprint: str


class Finish(NamedTuple):
    """One attempt's outcome and what becomes of its job. `result` is JSON text; times are seconds.

    Whatever is not a plain success carries a `verdict`; only then are the fields behind it written. `reason` says why a
    job was rescheduled or cancelled, to those who are told of the finish: the row has verdict and rule.
    """

    claim: Claimed
    status: str
    state: str
    run_at: datetime | None = None
    wait_s: float | None = None
    spends_attempt: bool = False
    spends_throttle: bool = False
    started_after_s: float | None = None
    duration_s: float | None = None
    failure: Failure | None = None
    verdict: str | None = None
    rule: str | None = None
    reason: str | None = None
    result: str | None = None
    death: str | None = None
    redis_id: str | None = None
    follow_ups: Sequence[Wanted] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """`moved`: the job ids that this call moved (or had moved before); `stale`: the finishes that had lost their fence.

    `released`: follow-up jobs that are owed a copy in Redis.
    """

    moved: frozenset[UUID]
    stale: tuple[Finish, ...]
    released: tuple[Wanted, ...]


def finish(worker_id: UUID, finishes: Sequence[Finish], *, dedupe_s: int) -> Finished:
    """Close the attempts, move the jobs, write dead letters and what follows; one commit. Repeating it is harmless.

    A job that stands in `finishes` twice (a stale claim and a live one) takes a commit more. Raises psycopg2.Error,
    DispatchContended where a follow-up's key is busy; nothing was moved then, or all of it (a lost reply): repeat it.
    """
    once = {done.claim.job_id: done for done in finishes}
    if len(once) == len(finishes):
        return _finish(worker_id, finishes, dedupe_s)
    kept = {id(done) for done in once.values()}
    earlier = finish(worker_id, [done for done in finishes if id(done) not in kept], dedupe_s=dedupe_s)
    later = _finish(worker_id, list(once.values()), dedupe_s)
    return Finished(earlier.moved | later.moved, (*earlier.stale, *later.stale), (*earlier.released, *later.released))


def _finish(worker_id: UUID, finishes: Sequence[Finish], dedupe_s: int) -> Finished:
    crash_point("finish.before_commit")
    if not any(done.follow_ups for done in finishes):
        moved = _moved(worker_id, finishes)
        crash_point("finish.after_commit")
        return _read_back(finishes, moved, ())
    with atomic():
        moved = _moved(worker_id, finishes)
        owed = [job for done in finishes if done.claim.job_id in moved for job in done.follow_ups]
        answers = dispatch_jobs(owed, dedupe_s=dedupe_s) if owed else []
        crash_point("finish.with_follow_ups")
    crash_point("finish.after_commit")
    released = [job for job, answer in zip(owed, answers, strict=True) if getattr(answer, "released", False)]
    return _read_back(finishes, moved, tuple(released))


def _moved(worker_id: UUID, finishes: Sequence[Finish]) -> set[UUID]:
    return {finishes[place - 1].claim.job_id for (place,) in run("finish_jobs", _params(worker_id, finishes))}


def give_back(worker_id: UUID, claims: Sequence[Claimed], *, wait_s: float = 0.0) -> frozenset[UUID]:
    """Return claims whose actor never started: pending, nothing spent. Gives the job ids that moved.

    They are due again in `wait_s`; at 0 they are due now and keep their place.
    """
    crash_point("give_back.before_commit")
    ids, fences = [claim.job_id for claim in claims], [claim.fence for claim in claims]
    rows = run("give_back_jobs", (worker_id, ids, fences, wait_s))
    crash_point("give_back.after_commit")
    return frozenset(row[0] for row in rows)


def mark_started(begun: Sequence[tuple[Claimed, float]]) -> None:
    """Say of attempts still running that they have started, so many seconds after their claim."""
    run("mark_started", (*_attempts([claim for claim, _ in begun]), [after_s for _, after_s in begun]))


def uncount_crashes(returned: Sequence[Claimed]) -> list[UUID]:
    """Take back the crashes that were counted against the jobs of a lost worker which reports again.

    Gives those jobs, and those of earlier calls: repeating it is harmless.
    """
    return [row[0] for row in run("uncount_crashes", _attempts(returned))]


def closed_attempts(claims: Sequence[Claimed]) -> set[int]:
    """Run ids of those claims whose attempt has been closed, by whomever: nothing can be counted on them any more."""
    rows = run("finishes_seen", ([claim.run_id for claim in claims], min(claim.claimed_at for claim in claims)))
    return {run_id for run_id, status, _ in rows if status != RunStatus.RUNNING.value}


def _attempts(claims: Sequence[Claimed]) -> tuple[list[int], list[datetime]]:
    return [claim.run_id for claim in claims], [claim.claimed_at for claim in claims]


def _read_back(finishes: Sequence[Finish], moved: set[UUID], released: tuple[Wanted, ...]) -> Finished:
    """A finish that moved nothing is done if its attempt stands closed as it says (a lost reply), else it is stale."""
    unmoved = [done for done in finishes if done.claim.job_id not in moved]
    if not unmoved:
        return Finished(frozenset(moved), (), released)
    earliest = min(done.claim.claimed_at for done in unmoved)
    rows = run("finishes_seen", ([done.claim.run_id for done in unmoved], earliest))
    # The rule tells an attempt that was cancelled from one that was given back.
    stands = {run_id: (status, rule) for run_id, status, rule in rows}
    stale = tuple(done for done in unmoved if stands.get(done.claim.run_id) != (done.status, done.rule))
    if stale:
        late = [done.claim for done in stale]
        run("store_late_finishes", (*_attempts(late), [done.status for done in stale]))
        uncount_crashes(late)
    done_before = {done.claim.job_id for done in unmoved} - {done.claim.job_id for done in stale}
    return Finished(frozenset(moved | done_before), stale, released)


def _params(worker_id: UUID, finishes: Sequence[Finish]) -> tuple[object, ...]:
    with_result = [done for done in finishes if done.result is not None]
    judged = [done for done in finishes if done.verdict is not None]
    return (
        worker_id,
        uuid_array(done.claim.job_id for done in finishes),
        [done.claim.fence for done in finishes],
        [done.claim.run_id for done in finishes],
        [done.claim.claimed_at for done in finishes],
        [done.status for done in finishes],
        [done.state for done in finishes],
        [done.started_after_s for done in finishes],
        [done.duration_s for done in finishes],
        uuid_array(done.claim.job_id for done in with_result),
        [done.result for done in with_result],
        uuid_array(done.claim.job_id for done in judged),
        *_judged_columns(judged),
    )


def _judged_columns(judged: Sequence[Finish]) -> tuple[list[object], ...]:
    """What only a failure, a reschedule or a cancellation has; most finishes are successes and carry none of it."""
    return (
        [done.run_at for done in judged],
        [done.wait_s for done in judged],
        [done.spends_attempt for done in judged],
        [done.spends_throttle for done in judged],
        [done.failure and done.failure.error_class for done in judged],
        [done.failure and done.failure.message for done in judged],
        [done.failure and done.failure.traceback for done in judged],
        [done.failure and done.failure.fingerprint for done in judged],
        [done.verdict for done in judged],
        [done.rule for done in judged],
        [done.death for done in judged],
        [done.redis_id for done in judged],
    )
