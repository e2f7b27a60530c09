"""Judges every failure: takes the place of Dramatiq's Retries and keeps its actor options.

Retries wait in Postgres, so nothing is enqueued here but the callback of an exhausted job.
"""

from __future__ import annotations

from typing import Any

from dramatiq import Broker, MessageProxy
from dramatiq.middleware import Retries

from middleware import follow_ups
from middleware.claimed_message import held_of
from middleware.envelopes import actor_option
from middleware.outcomes import judge


class Failures(Retries):
    """Classifies, decides, and leaves the judgement on the message for the claims hook, which finishes the job."""

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        held = held_of(message)
        if held is None:
            # No claim, so the actor did not run: whatever was raised, the message must not be acked away.
            if exception is not None:
                message.fail()
            return
        follow_ups.begin(held)
        if exception is None:
            return
        judgement = judge(broker, message, held, exception)
        message.judgement = judgement  # type: ignore[attr-defined]
        if judgement.decision.dead_reason is not None:
            message.fail()
        if judgement.decision.exhausted:
            self._tell_exhausted(broker, message, held.claim.attempts_spent)

    def _tell_exhausted(self, broker: Broker, message: MessageProxy, retries: int) -> None:
        name = actor_option(broker, message, "on_retry_exhausted")
        if name:
            max_retries = actor_option(broker, message, "max_retries", self.max_retries)
            broker.get_actor(name).send(message.asdict(), {"retries": retries, "max_retries": max_retries})
