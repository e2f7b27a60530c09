"""Runs a recorded job on today's code: effects answered from the ledger, writes undone, nothing dispatched or sent.

It must not know what is made of the outcome; `messaging.replay` compares it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from dramatiq import Actor, Broker, Message
from dramatiq.middleware import CurrentMessage

from actors.dispatch import taken_by
from messaging.replay.attempts import wanted_to_write
from messaging.replay.recorded import Asked, Replayed
from middleware.effects import Done, Refused, answered_by
from middleware.in_hand import Held, current_held
from middleware.outcomes import judge
from models.database import undone
from models.faults import is_infrastructure
from models.ledger.claim import Claimed
from models.readings.attempts import AttemptRow
from models.readings.recorded_jobs import RecordedEffect, RecordedJob, recorded_effect
from policy.errors import CallboardError, OutcomeUnknown
from policy.states import EffectState, JobState, RunStatus
from policy.ticks import MAINTENANCE_FUNCTION, PROCESS_FUNCTION
from policy.verdicts import VerdictKind

#: Actors that recover, release and prune: there is no ledger to answer for what they do to the ledger.
UNTOUCHABLE = frozenset({PROCESS_FUNCTION, MAINTENANCE_FUNCTION})

_ValueT = TypeVar("_ValueT")


class EffectNotRecorded(CallboardError):
    """Today's code asks for an effect that was never recorded: it would act, and is kept from it.

    Acts: whoever changed the code.
    """


class FailedAsRecorded(CallboardError):
    """The effect's call failed then, and so it does now.

    Acts: nobody.
    """


class _RecordedAnswers:
    """Answers a job's effects from their rows, and remembers what was asked."""

    def __init__(self, recorded: RecordedJob) -> None:
        self._verdict = recorded.attempt.verdict if recorded.attempt else None
        self.asked: list[Asked] = []

    def answer(self, key: str, kind: str) -> Done | Refused:
        """As it ended then. Raises EffectNotRecorded, FailedAsRecorded, OutcomeUnknown."""
        row = recorded_effect(key)
        row = row if row is not None and row.kind == kind else None
        self.asked.append(Asked(key, kind, row))
        if row is None:
            raise EffectNotRecorded(f"effect {key} ({kind}) was never recorded: today's code would act")
        if row.state is EffectState.REFUSED:
            return Refused(row.refusal or "")
        if row.state is EffectState.FAILED:
            raise FailedAsRecorded(f"effect {key} failed then")
        if row.state is EffectState.CONFIRMED and not self._was_unknown(row):
            return Done(row.result, replayed=False)
        raise OutcomeUnknown(f"effect {key}: its outcome was not known then")

    def _was_unknown(self, row: RecordedEffect) -> bool:
        """An operator has settled it since."""
        settled = isinstance(row.result, dict) and "settled_by" in row.result
        return settled and self._verdict == VerdictKind.UNKNOWN.value


def replay_job(broker: Broker, recorded: RecordedJob) -> Replayed:
    """The outcome of this job today, as the failures hook would judge it.

    Raises what decoding its envelope or finding its actor raises, and psycopg2.Error where the database was busy or
    away; nothing else that the actor does.
    """
    assert recorded.attempt is not None
    message: Message[Any] = Message.decode(recorded.payload)
    actor: Actor[Any, Any] = broker.get_actor(message.actor_name)
    held = _held_then(recorded, recorded.attempt)
    seen = _Seen(_RecordedAnswers(recorded), [])
    result: Any = None
    error: BaseException | None = None
    with _shut_in(broker, message, held, seen):
        try:
            with undone():
                result = actor(*message.args, **message.kwargs)
        except BaseException as raised:  # as a worker thread does: whatever an actor raises is its outcome
            error = raised
    if error is not None and is_infrastructure(error) and not wanted_to_write(error):
        raise error  # the database was busy or away: that is no outcome of the job's
    if error is None:
        return seen.as_replayed(RunStatus.SUCCEEDED, JobState.SUCCEEDED, result=result)
    judged = judge(broker, message, held, error)
    return seen.as_replayed(
        judged.decision.status,
        judged.decision.state,
        verdict=judged.verdict,
        rule=judged.rule,
        error=" ".join(f"{type(error).__name__}: {error}".split()),
        as_recorded=isinstance(error, FailedAsRecorded),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the job asked for while it ran: effects, and dispatches and sends by actor and key."""

    answers: _RecordedAnswers
    wanted: list[tuple[str, str]]

    def as_replayed(
        self,
        status: RunStatus,
        state: JobState,
        *,
        result: Any = None,
        verdict: str | None = None,
        rule: str | None = None,
        error: str | None = None,
        as_recorded: bool = False,
    ) -> Replayed:
        asked, wanted = tuple(self.answers.asked), tuple(self.wanted)
        return Replayed(status, state, verdict, rule, result, error, asked, wanted, as_recorded)


@contextmanager
def _shut_in(broker: Broker, message: Message[Any], held: Held, seen: _Seen) -> Iterator[None]:
    """Whatever the actor reaches for, it gets what was recorded, or is noted and kept from it."""
    with ExitStack() as stack:
        stack.enter_context(_set(answered_by, seen.answers))
        stack.enter_context(_set(taken_by, lambda one: seen.wanted.append((one.actor, one.dispatch_key))))
        stack.enter_context(_set(current_held, held))
        stack.enter_context(_nothing_enqueued(broker, seen.wanted))
        stack.enter_context(_current(broker, message))
        yield


def _held_then(recorded: RecordedJob, attempt: AttemptRow) -> Held:
    """The claim as it stood when the last attempt began; its clock goes on from then."""
    job = recorded.job
    spent = attempt.verdict == VerdictKind.RETRY.value
    throttled = attempt.verdict == VerdictKind.THROTTLED.value
    claim = Claimed(
        job_id=job.id,
        fence=job.fence,
        attempt=attempt.attempt,
        run_id=attempt.id,
        claimed_at=attempt.claimed_at,
        queue_ms=attempt.queue_ms or 0.0,
        payload=None,
        attempts_spent=max(0, job.attempts_spent - spent),
        attempts_allowed=job.attempts_allowed,
        throttles=max(0, job.throttles - throttled),
        suspect=False,
        client_id=job.client_id,
        dispatch_key=job.dispatch_key,
        correlation_id=job.correlation_id,
        source=job.source,
        requested_at=job.requested_at,
    )
    return Held(claim, attempt.worker_id, job.actor, job.queue, started_s=time.monotonic())


@contextmanager
def _set(variable: ContextVar[_ValueT], value: _ValueT) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


@contextmanager
def _nothing_enqueued(broker: Broker, wanted: list[tuple[str, str]]) -> Iterator[None]:
    """A plain `send()` is noted and goes nowhere."""

    def note(message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        wanted.append((message.actor_name, str(message.options.get("dispatch_key") or "")))
        return message

    broker.__dict__["enqueue"] = note  # this object's alone: its class goes on as it is
    try:
        yield
    finally:
        del broker.__dict__["enqueue"]


@contextmanager
def _current(broker: Broker, message: Message[Any]) -> Iterator[None]:
    """`CurrentMessage` knows the message, as in a worker."""
    hooks = [one for one in broker.middleware if isinstance(one, CurrentMessage)]
    for one in hooks:
        one.before_process_message(broker, message)  # type: ignore[no-untyped-call]  # a message stands in for its proxy
    try:
        yield
    finally:
        for one in hooks:
            one.after_process_message(broker, message)  # type: ignore[no-untyped-call]
