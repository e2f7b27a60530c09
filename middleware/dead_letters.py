"""Names the reason of every death that no verdict gave: a message failed by hand, past its age, or whose follow-up
cannot be built."""

from __future__ import annotations

from typing import Any

from dramatiq import Broker, MessageProxy, Middleware

from middleware import follow_ups
from middleware.claimed_message import held_of
from middleware.outcomes import cancelled, death, judge_plainly
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
        if exception is not None or getattr(message, "judgement", None) is not None:
            return
        if message.failed:
            judgement = death(DeadReason.TERMINAL, "failed-by-hand", "the message was failed without an error")
            message.judgement = judgement  # type: ignore[attr-defined]
        else:
            _judge_unbuilt(message)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        if message.failed:
            judgement = death(DeadReason.EXPIRED, "age-limit", "the message was older than its max_age")
        else:
            judgement = cancelled("skipped")
        message.judgement = judgement  # type: ignore[attr-defined]


def _judge_unbuilt(message: MessageProxy) -> None:
    """A success of which not all that follows could be built is none: its finish would be the end of the story."""
    held, unbuilt = held_of(message), follow_ups.give_up_unbuilt()
    if held is None or unbuilt is None:
        return
    judgement = judge_plainly(held, unbuilt)
    message.judgement = judgement  # type: ignore[attr-defined]
    if judgement.decision.dead_reason is not None:
        message.fail()
