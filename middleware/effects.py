"""`once`: an action on the outside world that no retry, requeue or crash repeats (docs/architecture.md).

It must not know what the action is. The intent is committed before the call, the outcome after it; what nobody can
know is held as UNKNOWN.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import psycopg2
from peewee import PeeweeException

from middleware import metrics, tracing
from middleware.effect_outcomes import CONFIRM_S, CONFIRM_WAIT_S, write_outcome
from middleware.in_hand import Held, current_held
from middleware.logs import event
from middleware.worker_process import WorkerProcess, current_process
from models.crash_points import crash_point
from models.database import in_transaction
from models.faults import is_infrastructure
from models.ledger import effects as ledger
from policy.effects import EffectFacts, Found, NotFound, Step, Unknown, definitely_refused, next_step
from policy.errors import EffectInTransaction, OutcomeUnknown, Reschedule, StaleClaim
from policy.keys import run_key
from policy.states import EffectState

__all__ = ["Done", "Found", "Guard", "NotFound", "Refused", "Unknown", "once"]

#: Seconds after which a job asks again for an effect that another live claim has open.
_ASK_AGAIN_S = 5.0

Guard = Callable[[], "str | None"]
Lookup = Callable[[], "Found | NotFound | Unknown | type[NotFound] | type[Unknown]"]
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Done:
    """The effect has happened, now or (`replayed`) before; `result` is what the call gave then."""

    result: Any
    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The guard forbids the effect; nothing was sent, and the refusal is on record."""

    reason: str


class Answers(Protocol):
    """Answers effects instead of the ledger's own way: nothing is opened, called or written."""

    def answer(self, key: str, kind: str) -> Done | Refused:
        """What became of this effect. Raises for one that did not end well, or was never recorded."""
        ...


#: Set while a recorded job is replayed: its effects are answered from what was recorded, and none is called.
answered_by: ContextVar[Answers | None] = ContextVar("callboard_effects_answered_by", default=None)


class Call(Protocol):
    """The action: it gets the idempotency key and gives something JSON can carry."""

    def __call__(self, idempotency_key: str, /) -> Any: ...


def once(
    key: str,
    call: Call,
    *,
    kind: str,
    guard: Guard | None = None,
    idempotent_for_s: float | None = None,
    lookup: Lookup | None = None,
    provider: str | None = None,
    request_digest: str | None = None,
) -> Done | Refused:
    """Do `call` at most once for `key`, for ever; give its stored result where it was done before.

    `guard` runs inside the intent's transaction, with which all that it writes is committed, and gives a refusal or
    None; what it raises leaves nothing intended. `lookup` asks the other side what became of an attempt that was cut
    off; `idempotent_for_s` says how long it honours our key. `provider` (who is asked) and `request_digest` (for what)
    are kept with the intent for those who read it: nothing is decided by them.
    Raises EffectInTransaction inside a transaction, StaleClaim when this claim is over, Reschedule while another live
    claim has the effect open or the ledger is away, OutcomeUnknown when nobody can know, and whatever `call` raises.
    """
    answers = answered_by.get()
    if answers is not None:
        return answers.answer(key, kind)
    held, process = current_held.get(), current_process.get()
    if in_transaction():
        raise EffectInTransaction
    if held is None or process is None:
        raise StaleClaim("once() needs a claimed job: call it from an actor")
    asked = (provider, request_digest)
    with tracing.span(f"effect {kind}", "client", effect_key=key, kind=kind) as span:
        answer = _Attempt(held, process, key, kind, call, guard, idempotent_for_s, lookup, asked).carry_out()
        if isinstance(answer, Done):
            span.say(effect="replayed" if answer.replayed else "confirmed")
        else:
            span.say(effect="refused", refusal=answer.reason)
        return answer


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One pass at an effect under one claim."""

    held: Held
    process: WorkerProcess
    key: str
    kind: str
    call: Call
    guard: Guard | None
    idempotent_for_s: float | None
    lookup: Lookup | None
    #: Provider and digest of the request, as they were given.
    asked: tuple[str | None, str | None]

    def carry_out(self) -> Done | Refused:
        claim = self.held.claim
        found = self._ask(lambda: ledger.read(self.key, job_id=claim.job_id, claim_fence=claim.fence))
        step = next_step(self._facts(found), has_lookup=self.lookup is not None)
        if found is None or step is Step.CALL:
            return self._intend_and_call(found, repeats=found is not None and found.state is EffectState.INTENDED)
        if step is Step.REPLAY:
            return Done(found.result, replayed=True)
        if step is Step.WAIT:
            raise Reschedule("the effect is open under a live claim", run_at=self._later(_ASK_AGAIN_S))
        if step is Step.LOOK_UP:
            return self._look_up(found)
        return self._hold(found, "it was cut off before its outcome was known")

    def _facts(self, found: ledger.Effect | None) -> EffectFacts | None:
        if found is None:
            return None
        repeatable = self.idempotent_for_s is not None and found.idempotent_left_s > 0
        return EffectFacts(found.state, found.live_elsewhere, repeatable)

    def _look_up(self, found: ledger.Effect) -> Done | Refused:
        assert self.lookup is not None
        answer = self.lookup()
        if answer is NotFound:  # `return NotFound` says the same
            answer = NotFound()
        if isinstance(answer, Found):
            self._settle(EffectState.CONFIRMED, found.intent, answer.result)
            return Done(answer.result, replayed=True)
        if isinstance(answer, NotFound):
            # A call cut off may still be on its way: for as long as it could, "not found" proves nothing.
            if found.intent_age_s > self._quiet_s():
                return self._intend_and_call(found, repeats=False)
            wait_s = self._quiet_s() - found.intent_age_s
            raise Reschedule("too early to be sure that it did not happen", run_at=self._later(wait_s))
        return self._hold(found, "the other side cannot say either")

    def _intend_and_call(self, found: ledger.Effect | None, *, repeats: bool) -> Done | Refused:
        """`repeats`: an earlier call may have happened; then neither a guard nor a refusal says that none did."""
        self._await_lease()
        claim = self.held.claim
        intent = ledger.Intent(
            self.key,
            self.kind,
            claim.job_id,
            run_key(self.held.actor, claim.job_id, claim.attempt),
            claim.fence,
            self.held.worker_id,
            self.idempotent_for_s,
            repeats,
            *self.asked,
        )
        crash_point("effect.before_intent")
        answer = self._ask(lambda: ledger.intend(intent, seen=found, guard=self.guard))
        if isinstance(answer, ledger.IntentInDoubt):
            answer = self._read_back(answer, repeats)
        if isinstance(answer, ledger.IntentOvertaken):
            raise Reschedule("the effect was moved meanwhile", run_at=self._later(_ASK_AGAIN_S))
        if isinstance(answer, ledger.IntentRefused) and repeats:
            metrics.effect_settled(self.kind, EffectState.UNKNOWN.value)
            raise OutcomeUnknown(
                f"effect {self.key}: it may have happened, and now {answer.reason} forbids to repeat it"
            )
        if isinstance(answer, ledger.IntentRefused):
            metrics.effect_settled(self.kind, EffectState.REFUSED.value)
            metrics.guardrail_refused(answer.reason)
            event("effect_refused", effect_key=self.key, kind=self.kind, reason=answer.reason)
            return Refused(answer.reason)
        metrics.effect_settled(self.kind, EffectState.INTENDED.value)
        return self._make_call(answer.intent, repeats)

    def _read_back(self, doubt: ledger.IntentInDoubt, repeats: bool) -> ledger.IntentTaken | ledger.IntentRefused:
        """The reply to the intent's commit was lost: nothing has been called, so what has committed can go on."""
        deadline_s = None
        while (committed := self._committed(doubt)) is None:
            if deadline_s is None and self.process.stopping.is_set():
                deadline_s = time.monotonic() + CONFIRM_S
            if deadline_s is not None and time.monotonic() > deadline_s:
                break
            time.sleep(CONFIRM_WAIT_S)
        event("intent_read_back", "WARNING", effect_key=self.key, kind=self.kind, committed=committed)
        if not committed:
            raise Reschedule("the ledger is away", run_at=self._later(_ASK_AGAIN_S))
        if isinstance(doubt.answer, ledger.IntentTaken):
            try:
                self._await_lease()
            except (StaleClaim, Reschedule):
                self._not_called(doubt.intent, repeats)
                raise
        return doubt.answer

    def _committed(self, doubt: ledger.IntentInDoubt) -> bool | None:
        try:
            return ledger.has_committed(doubt)
        except psycopg2.Error as error:
            if not is_infrastructure(error):
                raise
            return None

    def _not_called(self, intent: int, repeats: bool) -> None:
        """Nothing was sent under this intent, and we can say so: the next holder may intend it anew."""
        if not repeats:
            self._settle(EffectState.FAILED, intent, None)

    def _ask(self, statement: Callable[[], _Answer]) -> _Answer:
        """A statement before the call. While the ledger is away the job waits: the outage is no fault of its own."""
        try:
            return statement()
        except (psycopg2.Error, PeeweeException) as error:
            if not is_infrastructure(error):
                raise
            raise Reschedule("the ledger is away", run_at=self._later(_ASK_AGAIN_S)) from error

    def _make_call(self, intent: int, repeats: bool) -> Done:
        crash_point("effect.before_call")
        if not self.process.may_act(self.held.worker_id):
            self._not_called(intent, repeats)
            if self.held.worker_id != self.process.holder.id:
                raise StaleClaim("the lease ran out between the intent and the call")
            # A late beat is no loss yet, and no fault of the job's: it spends nothing.
            raise Reschedule("a beat is overdue between the intent and the call", run_at=self._later(1.0))
        try:
            result = self.call(self.key)
        except BaseException as error:
            self._failed(intent, error, repeats)
            raise
        crash_point("effect.after_call")
        if self._settle(EffectState.CONFIRMED, intent, result) is None:
            # A job that went on would succeed beside an effect that is open for ever.
            raise Reschedule("the confirmation could not be written down", run_at=self._later(_ASK_AGAIN_S))
        crash_point("effect.after_confirmation")
        return Done(result, replayed=False)

    def _failed(self, intent: int, error: BaseException, repeats: bool) -> None:
        """The call raised: FAILED where that proves that nothing happened, else only the other side can tell."""
        if definitely_refused(error) and not repeats:
            self._settle(EffectState.FAILED, intent, None)
        elif self.lookup is not None or self.idempotent_for_s is not None:
            # The intent stays open: the next attempt asks the other side, or repeats under the same key.
            if isinstance(error, OutcomeUnknown):
                raise Reschedule("the outcome has to be asked for", run_at=self._later(_ASK_AGAIN_S)) from error
        else:
            self._settle(EffectState.UNKNOWN, intent, None)
            if not isinstance(error, OutcomeUnknown):
                raise OutcomeUnknown(f"{type(error).__name__} after the call of {self.key} had begun") from error

    def _hold(self, found: ledger.Effect, why: str) -> Done:
        """Nobody can know: UNKNOWN, for an operator. If the truth arrived this very moment, look again."""
        if found.state is EffectState.INTENDED and not self._settle(EffectState.UNKNOWN, found.intent, None):
            raise Reschedule("the effect was settled meanwhile", run_at=self._later(_ASK_AGAIN_S))
        raise OutcomeUnknown(f"effect {self.key}: {why}")

    def _settle(self, state: EffectState, intent: int, result: Any) -> bool | None:
        return write_outcome(self.process, self.key, self.kind, state, intent, result)

    def _await_lease(self) -> None:
        """Open nothing while a beat is overdue (docs/architecture.md); a lost identity opens nothing at all."""
        while not self.process.may_act(self.held.worker_id):
            if self.held.worker_id != self.process.holder.id:
                raise StaleClaim
            if self.process.stopping.is_set():
                raise Reschedule("the worker stops", run_at=self._later(1.0))
            self.process.in_hand.wait_for_room(CONFIRM_WAIT_S)

    def _quiet_s(self) -> float:
        """How long a call that was cut off can still take effect: the lease, and a call's time-out (less than one)."""
        return 2 * self.process.settings.lease_s

    def _later(self, seconds: float) -> datetime:
        return self.held.database_now() + timedelta(seconds=seconds)
