"""Names the reason of every death that no verdict gave: a message failed by hand, or past its age."""

from __future__ import annotations

from typing import Any

from dramatiq import Broker, MessageProxy, Middleware

from middleware.outcomes import cancelled, death
from policy.states import DeadReason


class DeadLetters(Middleware):
    """A failed message without a judgement gets one, so that the finish can write its letter."""

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        if message.failed and getattr(message, "judgement", None) is None:
            judgement = death(DeadReason.TERMINAL, "failed-by-hand", "the message was failed without an error")
            message.judgement = judgement  # type: ignore[attr-defined]

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        if message.failed:
            judgement = death(DeadReason.EXPIRED, "age-limit", "the message was older than its max_age")
        else:
            judgement = cancelled("skipped")
        message.judgement = judgement  # type: ignore[attr-defined]
