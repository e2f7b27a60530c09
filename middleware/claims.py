"""The ledger's hook: nothing runs without a live claim, and every claim ends exactly once. Fails closed.

It must not know how outcomes are judged. On our broker claims come with the batch; on any other they are taken here.
"""

from __future__ import annotations

from typing import Any

from dramatiq import Broker, MessageProxy, Middleware, Worker
from dramatiq.middleware import MiddlewareError, SkipMessage

from middleware import boot, follow_ups, single_claims
from middleware.claimed_message import held_of
from middleware.configuration import settings_in_force
from middleware.in_hand import Held, Phase, current_held
from middleware.logs import event
from middleware.outcomes import cancelled, finish_of, judge_plainly
from middleware.worker_process import WorkerProcess, current_process, process_of
from models.crash_points import crash_point
from models.database import leave_nothing_open


class ClaimImpossible(MiddlewareError):
    """There is no live claim on this message, so the actor did not run (acts: an operator: it is dead-lettered)."""


class Claims(Middleware):
    """Registers the worker, lets only claimed messages start, and hands each outcome to the writer."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        boot.start(broker, worker, settings_in_force())

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        boot.begin_stop(broker)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        boot.stop(broker)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        leave_nothing_open()  # by the message before, which a time limit may have ended anywhere
        try:
            _admit(process_of(broker), message)
        except MiddlewareError:
            raise
        except Exception as error:
            # Dramatiq runs the actor whatever else a before-hook raises.
            event("claim_broke", "ERROR", actor=message.actor_name, job_id=message.message_id, error=error)
            raise ClaimImpossible(f"the claim failed with {type(error).__name__}") from error

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        collected = follow_ups.end()
        current_held.set(None)
        held, process = held_of(message), process_of(broker)
        if held is None or process is None or held.phase is not Phase.STARTED:
            return
        judgement = getattr(message, "judgement", None)
        if judgement is None and exception is not None:
            # The hook that judges has failed itself: what was raised is no success.
            judgement = judge_plainly(held, exception)
        done = finish_of(held, judgement, result, collected)
        # Not before: what a result or an error does while it is written out is the job's doing, too.
        process.slots.clear()
        process.finish(held, done)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        # A claim that went back unstarted is skipped, too; it has ended already.
        if getattr(message, "judgement", None) is None:
            message.judgement = cancelled("skipped")  # type: ignore[attr-defined]
        self.after_process_message(broker, message)


def _admit(process: WorkerProcess | None, message: MessageProxy) -> None:
    if process is None:
        raise ClaimImpossible("this broker's worker has not booted through its middleware")
    held = held_of(message)
    if held is None:
        held = single_claims.claim_waiting(process, message)
        if held is None:
            single_claims.hand_back(process, message)
    _start(process, held)
    current_held.set(held)
    current_process.set(process)


def _start(process: WorkerProcess, held: Held) -> None:
    """Start this claim, or skip the message because the claim went back. Waits while a beat is overdue."""
    while True:
        if held.claim.suspect:
            single_claims.give_way(process, held)
        started = process.in_hand.start(held, lambda: process.may_act(held.worker_id))
        if started is None:
            if process.stopping.is_set() or held.worker_id != process.holder.id:
                process.withdraw(held)
            continue
        if not started:
            raise SkipMessage("the claim went back before it was started")
        process.slots.write(held.claim.job_id, held.claim.fence)
        if held.claim.suspect:
            # If it kills this process, nobody else shall wait for a lease because of it; suspects wait their turn.
            process.give_back(process.in_hand.take_waiting(lambda one: not one.claim.suspect))
        if held.claim.suspect and not single_claims.commit_start(process, held):
            process.slots.clear()
            process.give_back([held])
            raise SkipMessage("the claim went back before its start could be committed")
        crash_point("start.before_actor")
        return
