"""Messages for actors that this process does not know: another may (a rolling deploy), so they wait before they die."""

from __future__ import annotations

from collections.abc import Iterable

from middleware.claimed_message import ClaimedMessage
from middleware.logs import event
from middleware.worker_process import WorkerProcess
from models.ledger.finish import Failure, Finish
from policy.states import DeadReason, JobState, RunStatus

#: Seconds between looks, and how many looks make the ten minutes that a deploy may take.
_WAIT_S = 30.0
_LOOKS = 20


def without_unknown_actors(process: WorkerProcess, messages: Iterable[ClaimedMessage]) -> list[ClaimedMessage]:
    """Those whose actor is declared; the others are finished here: rescheduled, or dead after ten minutes."""
    known = []
    for message in messages:
        if message.actor_name in process.broker.actors:
            known.append(message)
            continue
        event("actor_not_found", "WARNING", actor=message.actor_name, job_id=message.message_id)
        process.finish(message.held, _finish(message))
    return known


def _finish(message: ClaimedMessage) -> Finish:
    claim, rule = message.claim, "actor-not-found"
    if claim.throttles < _LOOKS:
        return Finish(
            claim,
            RunStatus.RESCHEDULED.value,
            JobState.PENDING.value,
            wait_s=_WAIT_S,
            spends_throttle=True,
            verdict="reschedule",
            rule=rule,
        )
    text = f"no worker declared the actor {message.actor_name!r} within ten minutes"
    return Finish(
        claim,
        RunStatus.FAILED.value,
        JobState.DEAD.value,
        verdict="terminal",
        rule=rule,
        death=DeadReason.ACTOR_NOT_FOUND.value,
        failure=Failure("ActorNotFound", text, "", rule),
        redis_id=message.held.redis_id,
    )
