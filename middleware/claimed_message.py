"""A message whose claim is in hand, as hooks and actors see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dramatiq import Message, MessageProxy

from middleware.in_hand import Held
from models.ledger.claim import Claimed

if TYPE_CHECKING:
    from middleware.outcomes import Judgement
    from middleware.tracing import Attempt


class ClaimedMessage(MessageProxy):
    """Dramatiq's proxy with the claim beside it. `claim` is what correlation and logs read.

    What hooks ask for is set on the proxy itself: its `__getattr__` took a twelfth of a no-op job.
    """

    #: What was decided on a failure, and the span of the attempt: set by the hooks that know.
    judgement: Judgement | None = None
    attempt_span: Attempt | None = None

    def __init__(self, message: Message[Any], held: Held) -> None:
        super().__init__(message)
        self.held = held
        self.queue_name = message.queue_name
        self.actor_name = message.actor_name
        self.args = message.args
        self.kwargs = message.kwargs
        self.options = message.options
        self.message_id = message.message_id
        self.message_timestamp = message.message_timestamp

    @property
    def claim(self) -> Claimed:
        """The claim in the ledger's words."""
        return self.held.claim


def held_of(message: Any) -> Held | None:
    """The claim in hand of a message of any broker, if it has one."""
    held = getattr(message, "held", None)
    return held if isinstance(held, Held) else None
