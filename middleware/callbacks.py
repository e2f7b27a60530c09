"""Dramatiq's callbacks, held back where nothing was decided for good: a reschedule, a give-back, a skipped message."""

from __future__ import annotations

from typing import Any

from dramatiq import Broker, MessageProxy
from dramatiq.errors import ActorNotFound
from dramatiq.middleware import Callbacks

from middleware import follow_ups
from policy.states import RunStatus


class LedgerCallbacks(Callbacks):
    """`on_success` after a success only (a message failed by hand is none), `on_failure` after each failed attempt."""

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        judgement = getattr(message, "judgement", None)
        if judgement is None and message.failed:
            return
        if judgement is not None and judgement.decision.status is not RunStatus.FAILED:
            return
        try:
            super().after_process_message(broker, message, result=result, exception=exception)  # type: ignore[no-untyped-call]
        except ActorNotFound as error:
            follow_ups.unknown(error)
            raise
