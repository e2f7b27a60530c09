"""One id for all that follows from one intention, carried by a context variable and message options.

It must not know rows, logs or metrics: those ask `current()`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import dramatiq

from policy import trace_context

if TYPE_CHECKING:
    from dramatiq.broker import Broker, MessageProxy
    from dramatiq.message import Message

#: Characters kept of an id that came with somebody else's message.
LONGEST_ID = 200

#: `traceparent` and `tracestate` of the place in a trace at which the code runs now; None where it is in none.
Place: TypeAlias = "tuple[str, str | None] | None"


class Scope(NamedTuple):
    """What the code running now belongs to. Every field ends up in log lines: none may hold arguments."""

    correlation_id: str
    job_id: str | None = None
    dispatch_key: str | None = None
    actor: str | None = None
    attempt: int | None = None
    client_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None


_scope: ContextVar[Scope | None] = ContextVar("callboard_scope", default=None)


@dataclass(frozen=True, slots=True)
class _Processing:
    """The message this thread works on, and the scope that held before it."""

    message_id: str
    outside: Scope | None


_processing: ContextVar[_Processing | None] = ContextVar("callboard_processing", default=None)


def current() -> Scope | None:
    """The scope of the code running now, or None outside of any."""
    return _scope.get()


def enter(scope: Scope) -> Token[Scope | None]:
    """Bind `scope` until `leave(token)`, which must be called in the same thread."""
    return _scope.set(scope)


def leave(token: Token[Scope | None]) -> None:
    """Take back what `enter` bound; raises ValueError for another context's token."""
    _scope.reset(token)


def refine(**fields: Any) -> None:
    """Fill in fields of the scope in force, as a claim made inside a hook learns them; needs one."""
    scope = _scope.get()
    if scope is not None:
        _scope.set(scope._replace(**fields))


@contextmanager
def bound(scope: Scope) -> Iterator[Scope]:
    """Bind `scope` for the length of a `with` block."""
    token = enter(scope)
    try:
        yield scope
    finally:
        leave(token)


def new_correlation_id() -> str:
    """A fresh id, for a piece of work that follows from nothing we know."""
    return str(uuid.uuid4())


def scope_of(message: Message[Any] | MessageProxy) -> Scope:
    """The scope of a message: from its `claim` (attempt, client_id, dispatch_key, job_id) or options."""
    options = message.options
    traceparent = trace_context.valid_parent(options["traceparent"]) if "traceparent" in options else None
    tracestate = trace_context.valid_state(options["tracestate"]) if "tracestate" in options else None
    claim = getattr(message, "claim", None)
    if claim is None:
        return Scope(
            correlation_id=_text(options.get("correlation_id")) or message.message_id,
            job_id=message.message_id,
            dispatch_key=_text(options.get("dispatch_key")),
            actor=message.actor_name,
            client_id=_text(options.get("client_id")),
            traceparent=traceparent,
            tracestate=tracestate,
        )
    # A row's texts are texts: only what came with somebody's message has to be looked at.
    return Scope(
        claim.correlation_id[:LONGEST_ID] or message.message_id,
        str(claim.job_id),
        claim.dispatch_key[:LONGEST_ID],
        message.actor_name,
        claim.attempt,
        claim.client_id and claim.client_id[:LONGEST_ID],
        traceparent,
        tracestate,
    )


class Correlation(dramatiq.Middleware):
    """Stamps what is enqueued with the ids of what enqueues it, and binds the scope of what is processed.

    First in the list, therefore last out: messages sent by the after-hooks of the others still inherit.
    """

    def before_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:
        # Redis passes a private copy whose options may be written; promotion from the delay queue and
        # releases come through here again and must keep what the first enqueue stamped.
        scope = _scope.get()
        stamp(message.options, message.message_id, scope)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        left_over = _processing.get()
        outside = _scope.get() if left_over is None else left_over.outside
        scope = scope_of(message)
        # A message of a foreign producer has no id: the one made here must survive its retries.
        message.options["correlation_id"] = scope.correlation_id
        _processing.set(_Processing(message.message_id, outside))
        _scope.set(scope)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        self._unbind(message)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self._unbind(message)

    def _unbind(self, message: MessageProxy) -> None:
        # After-hooks run even where the before-hook did not: then there is nothing of ours to take back.
        processing = _processing.get()
        if processing is not None and processing.message_id == message.message_id:
            _scope.set(processing.outside)
            _processing.set(None)


def stamp(options: dict[str, Any], message_id: str, scope: Scope | None) -> None:
    """Write correlation_id, causation_id and the trace's place into message options where they are absent.

    A message is caused by the current job only if it belongs to the same family and is not that job itself
    (a retry is enqueued from within its own scope; a relay releases strangers from within its own job).
    """
    own = options.get("correlation_id")
    if scope is None:
        if not own:
            # The first of a family gives it its id: who has the one has the other, and no index is needed for it.
            options["correlation_id"] = message_id
        _stamp_place(options, None)
        return
    if not own:
        own = options["correlation_id"] = scope.correlation_id
    if own != scope.correlation_id or scope.job_id == message_id:
        return
    if scope.job_id and not options.get("causation_id"):
        options["causation_id"] = scope.job_id
    _stamp_place(options, scope)


_current_place: Callable[[], Place] | None = None


def when_asked_for_place(current_place: Callable[[], Place] | None) -> None:
    """Have `current_place()` say where in a trace the code runs; without it what came with a message goes on."""
    global _current_place  # noqa: PLW0603  # one tracer a process
    _current_place = current_place


def _stamp_place(options: dict[str, Any], scope: Scope | None) -> None:
    if options.get("traceparent"):
        return
    place = _current_place() if _current_place is not None else None
    if place is None and scope is not None and scope.traceparent:
        place = scope.traceparent, scope.tracestate
    if place is not None:
        options["traceparent"] = place[0]
        if place[1]:
            options["tracestate"] = place[1]


def _text(value: object) -> str | None:
    """Options of foreign messages may hold anything; only a non-empty string is an id."""
    return value[:LONGEST_ID] if isinstance(value, str) and value else None
