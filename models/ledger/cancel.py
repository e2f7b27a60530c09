"""Cancel: the operator's verb for a job that has not begun; its audit row is written in the same transaction.

It must not know Redis: a copy that is already there is refused when it is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.database import atomic, run
from models.ledger.letters import Operator, record_action
from policy.errors import InvariantRefused, NotFound
from policy.states import JobState

#: What is said of a job that cannot be cancelled, by the name of the refusal.
REFUSALS = {
    "running": "A worker is running it: wait for its end, or stop the worker.",
    "finished": "It is over: nothing is left to cancel.",
}


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A job that was cancelled just now."""

    job_id: UUID
    actor: str
    client_id: str | None


def cancel_refusal(state: JobState) -> str | None:
    """The name of what forbids to cancel a job in this state, or None."""
    if state in (JobState.PENDING, JobState.QUEUED):
        return None
    return "running" if state is JobState.RUNNING else "finished"


def cancel_job(job_id: UUID, operator: Operator) -> Cancelled:
    """Move a pending or queued job to cancelled.

    Raises NotFound, and InvariantRefused (`running`, `finished`); then nothing has moved, and the refusal is on record.
    """
    with atomic():
        rows = run("cancel_job", (job_id,))
        if not rows:
            raise NotFound(f"no job {job_id}")
        former, moved, actor, client_id = rows[0]
        refusal = None if moved else cancel_refusal(JobState(former))
        result = "done" if refusal is None else f"refused: {refusal}"
        after = {"state": JobState.CANCELLED.value} if moved else None
        record_action(operator, "cancel", str(job_id), result, before={"state": former}, after=after)
    if refusal is not None:
        raise InvariantRefused(refusal, f"cancel of job {job_id} refused, {refusal}: {REFUSALS[refusal]}")
    return Cancelled(job_id, actor, client_id)
