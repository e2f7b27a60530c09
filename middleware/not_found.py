"""Messages for actors that this process does not know: another may (a rolling deploy), so they wait before they die."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import psycopg2

from middleware.claimed_message import ClaimedMessage
from middleware.logs import event
from middleware.worker_process import WorkerProcess
from models.ledger.finish import Failure, Finish
from models.readings.attempts import rescheduled_since
from policy.states import DeadReason, JobState, RunStatus

#: Seconds between looks, and how long a deploy may take.
_WAIT_S = 30.0
_DEPLOY_WITHIN = timedelta(minutes=10)
_RULE = "actor-not-found"


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
    claim = message.claim
    if claim.claimed_at - (_since(message) or claim.claimed_at) < _DEPLOY_WITHIN:
        # It spends no budget of the job's: those are for what happens when it runs.
        return Finish(
            claim,
            RunStatus.RESCHEDULED.value,
            JobState.PENDING.value,
            wait_s=_WAIT_S,
            verdict="reschedule",
            rule=_RULE,
        )
    text = f"no worker declared the actor {message.actor_name!r} within ten minutes"
    return Finish(
        claim,
        RunStatus.FAILED.value,
        JobState.DEAD.value,
        verdict="terminal",
        rule=_RULE,
        death=DeadReason.ACTOR_NOT_FOUND.value,
        failure=Failure("ActorNotFound", text, "", _RULE),
        redis_id=message.held.redis_id,
    )


def _since(message: ClaimedMessage) -> datetime | None:
    """When its actor was first not found, by the attempts; None where it was there before, or nobody can say."""
    claim = message.claim
    try:
        return rescheduled_since(message.actor_name, claim.job_id, claim.attempt, claim.claimed_at, rule=_RULE)
    except psycopg2.Error as error:
        event("attempts_unread", "WARNING", job_id=message.message_id, error=error)
        return None
