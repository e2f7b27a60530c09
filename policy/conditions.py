"""What a rule may ask of a failure: the lists of codes and names, each with its reason, and the questions.

The verdicts drawn from them, and their order, stand in `policy.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from policy import symptoms
from policy.errors import ActorVerdict, OutcomeUnknown, Reschedule, Throttled
from policy.failures import Failure

#: HTTP: the request itself is refused, and the same request will be again (RFC 9110 §15.5; 451: RFC 7725).
#: Left out are those that another moment may answer otherwise: 408, 409, 412, 421, 423, 424, 425, 429.
REFUSING_STATUSES = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 407, 410, 411, 413, 414, 415, 416, 417, 422, 426, 428, 431, 451}
)

#: HTTP 4xx that may pass: time-out, conflict, precondition, misdirected, locked, dependency, too early.
PASSING_STATUSES = frozenset({408, 409, 412, 421, 423, 424, 425})

#: SQLSTATE classes (PostgreSQL appendix A) that another run may not meet: 08 connection, 25 transaction state
#: (a read-only standby after a failover), 28 authorisation (a password being changed), 40 rollback (deadlock,
#: serialisation), 53 resources, 55 object in use or locked, 57 operator (restart, time-out), 58 system,
#: XX internal.
PASSING_SQLSTATES = ("08", "25", "28", "40", "53", "55", "57", "58", "XX")

#: Within class 23 these hang on other rows, which come and go: a parent not yet committed, a race of inserts.
PASSING_CONSTRAINTS = frozenset({"23503", "23505", "23P01"})

#: SQLSTATE classes that lie in the data or the statement: 22 data, 23 constraint, 42 syntax, names and
#: rights, 44 check option, 54 a limit of the program. Not 0A: "cached plan must not change result type"
#: passes.
REFUSING_SQLSTATES = ("22", "23", "42", "44", "54")

#: Class names by which clients say that the other side was not reached, or went away (socket, redis, psycopg,
#: httpx, aiohttp, urllib3, http.client, smtplib, the LLM clients).
CONNECTION_NAMES = frozenset(
    {
        "ConnectionError",
        "BrokerConnectionError",
        "LedgerUnavailable",
        "OperationalError",
        "InterfaceError",
        "NetworkError",
        "RemoteProtocolError",
        "ClientConnectionError",
        "APIConnectionError",
        "NewConnectionError",
        "ProtocolError",
        "IncompleteRead",
        "SMTPServerDisconnected",
        "gaierror",
    }
)

#: Class names of time-outs; `socket.timeout` and asyncio's are the built-in TimeoutError, or named so.
TIMEOUT_NAMES = frozenset(
    {"TimeoutError", "timeout", "TimeoutException", "Timeout", "APITimeoutError", "ServerTimeoutError"}
)


def outcome_unknown(failure: Failure) -> bool:
    """Whether an effect's outcome is unknown, in this error or in any behind it."""
    # Also where it was merely being handled: no later error makes the outcome known.
    return failure.outermost and any(
        isinstance(relative, OutcomeUnknown) for relative in symptoms.relatives(failure.error)
    )


def is_a(*classes: type[BaseException]) -> Callable[[Failure], bool]:
    """The link is an instance of one of these classes."""
    return lambda failure: isinstance(failure.link, classes)


def named(*names: str) -> Callable[[Failure], bool]:
    """The link's class, or one it inherits from, bears one of these names."""
    wanted = frozenset(names)
    return lambda failure: not wanted.isdisjoint(failure.names)


def status_in(statuses: Iterable[int]) -> Callable[[Failure], bool]:
    """The HTTP status is one of these."""
    wanted = frozenset(statuses)
    return lambda failure: failure.status in wanted


def sqlstate_in(*starts: str) -> Callable[[Failure], bool]:
    """The SQLSTATE begins with one of these."""
    return lambda failure: failure.sqlstate is not None and failure.sqlstate.startswith(starts)


def smtp_in(codes: range) -> Callable[[Failure], bool]:
    """The SMTP code lies in this range."""
    return lambda failure: failure.smtp_code in codes


def throttled_wait_s(failure: Failure) -> float | None:
    """Seconds that the actor's own Throttled names."""
    return failure.link.retry_after_s if isinstance(failure.link, Throttled) else None


def rescheduled_at(failure: Failure) -> datetime | None:
    """The time that the actor's own Reschedule names."""
    return failure.link.run_at if isinstance(failure.link, Reschedule) else None


def retry_after_s(failure: Failure) -> float | None:
    """Seconds that the other side's Retry-After names."""
    return failure.retry_after_s


def delay_s(failure: Failure) -> float | None:
    """Seconds that Dramatiq's Retry names."""
    return symptoms.delay_s_of(failure.link) if "Retry" in failure.names else None


def code_as_reason(failure: Failure) -> str:
    """The actor's own reason, or the code that decided; never the error's text, which may hold anything."""
    if isinstance(failure.link, ActorVerdict):
        return failure.link.reason
    if failure.smtp_code is not None:
        return f"SMTP {failure.smtp_code}"
    if failure.status is not None:
        return f"HTTP {failure.status}"
    return f"SQLSTATE {failure.sqlstate}" if failure.sqlstate else ""


def broken_retry_when(failure: Failure) -> str:
    """How the actor's `retry_when` failed."""
    return f"retry_when raised {type(failure.retry_when_says).__name__}"
