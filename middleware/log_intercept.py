"""Takes in the lines of std logging, and rewrites those of Dramatiq's that would print message arguments.

Templates are those of dramatiq 2.2.1 (worker.py, broker.py, actor.py); a test compares them with the
installed source. It must not know the sink: it is given a function that writes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from middleware import log_lines
from policy.errors import Cancelled, Reschedule, Throttled

#: (logger name, level name, event or text, fields) -> None
Write = Callable[[str, str, str, Mapping[str, object]], None]

#: Libraries that print statements, bodies or addresses below this level, whatever level we run at.
CHATTY = {
    "peewee": logging.WARNING,
    "urllib3": logging.INFO,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "mail.log": logging.WARNING,
    "asyncio": logging.INFO,
    "redis": logging.INFO,
}

#: What an actor raises to decide: no error, and so neither at that level nor with its places.
DECISIONS = (Cancelled, Reschedule, Throttled)

#: Characters of a library's free text.
LONGEST_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What is written instead; `quotable` is False for errors of actors, whose texts quote arguments."""

    event: str
    fields: Mapping[str, object]
    quotable: bool = True


Rewrite = Callable[[tuple[Any, ...]], "Rewritten | None"]


def _dropped(_: tuple[Any, ...]) -> None:
    return None


def _ack_retried(args: tuple[Any, ...]) -> Rewritten:
    message, error, _ = args
    fields = log_lines.error_fields(error, with_frames=False)
    return Rewritten("ack_retried", {**_ids(message), **fields})


def _ids(message: Any) -> dict[str, object]:
    """What a line outside any scope says of a message: Dramatiq writes these before the hooks, or after them."""
    ids: dict[str, object] = {"job_id": message.message_id}
    correlation_id = message.options.get("correlation_id")
    return {**ids, "correlation_id": correlation_id} if correlation_id else ids


def _hook_failed(args: tuple[Any, ...]) -> Rewritten:
    hook, owner = args
    _tell_listeners(str(hook))
    return Rewritten("hook_failed", {"hook": str(hook), "middleware": type(owner).__name__})


_ACK_RETRIED = (
    "Failed to post_process_message(%s) due to a connection error: %s\n"
    "The operation will be retried in %s seconds until the connection recovers.\n"
    "If you restart this worker before this operation succeeds, the message will be re-processed later."
)
_ACK_FAILED = (
    "Unhandled error during post_process_message(%s).  "
    "You've found a bug in Dramatiq.  Please report it!\n"
    "Although your message has been processed, it will be processed again once this worker is restarted."
)

#: Dramatiq's templates that print a message's arguments, or say of each message what the ledger counts.
REWRITES: dict[str, Rewrite] = {
    "Message %s was skipped.": _dropped,
    "Received args=%r kwargs=%r.": _dropped,
    "Received message %s with id %r.": lambda args: Rewritten("message_received", _ids(args[0])),
    "Rate limit exceeded in message %s: %s.": lambda _: Rewritten("rate_limit_exceeded", {}),
    "Failed to process message %s with expected exception %s.": lambda args: Rewritten(
        "actor_raised_expected", {"error_class": args[1]}
    ),
    "Failed to process message %s with unhandled exception.": lambda _: Rewritten("actor_raised", {}, quotable=False),
    _ACK_RETRIED: _ack_retried,
    _ACK_FAILED: lambda args: Rewritten("ack_failed", _ids(args[0])),
    "Unexpected failure in %s of %r.": _hook_failed,
}

#: Dramatiq formats this one itself, so it is known by a part of it.
DISCARDED_RESULT = "returned a value that is not None"

_listeners: list[Callable[[str], None]] = []


def when_hook_fails(listener: Callable[[str], None]) -> None:
    """Have `listener(hook)` called for each exception of a middleware hook that Dramatiq swallowed."""
    if listener not in _listeners:
        _listeners.append(listener)


def install(level: int, *, write: Write) -> None:
    """Put one handler at std logging's root in the place of all others; chatty libraries are quieted.

    `level` is a number: not every name of loguru's is one of logging's.
    """
    logging.basicConfig(handlers=[Intercept(write)], level=level, force=True)
    logging.captureWarnings(True)
    for name, floor in CHATTY.items():
        logging.getLogger(name).setLevel(floor)


class Intercept(logging.Handler):
    """Hands each record on as an event; one that cannot be put into words is named by its logger alone."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        # logging's own answer to an error here prints the record's arguments: they may be a message's.
        try:
            self._hand_on(record)
        except Exception as error:
            fields = {"error_class": type(error).__qualname__}
            self._write(record.name, "WARNING", "log_record_unreadable", fields)

    def _hand_on(self, record: logging.LogRecord) -> None:
        rewritten = _rewritten(record)
        if rewritten is None:
            return
        error = record.exc_info[1] if record.exc_info else None
        if rewritten.event == "actor_raised" and isinstance(error, DECISIONS):
            self._write(record.name, "INFO", "actor_raised_expected", {"error_class": type(error).__name__})
            return
        fields = rewritten.fields
        if error is not None:
            fields = {**log_lines.error_fields(error, with_text=rewritten.quotable), **fields}
        self._write(record.name, _level(record), rewritten.event, fields)


def _rewritten(record: logging.LogRecord) -> Rewritten | None:
    template = str(record.msg)
    rewrite = REWRITES.get(template)
    if rewrite is not None:
        return rewrite(record.args if isinstance(record.args, tuple) else ())
    if DISCARDED_RESULT in template:
        return None
    return Rewritten(record.getMessage()[:LONGEST_MESSAGE], {})


def _level(record: logging.LogRecord) -> str:
    for floor in (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO):
        if record.levelno >= floor:
            return logging.getLevelName(floor)
    return "DEBUG"


def _tell_listeners(hook: str) -> None:
    for listener in _listeners:
        listener(hook)
