"""The ordered table of rules by which a failure is judged: the first that matches decides, its id is stored.

Order is meaning: what the job said itself, then what its author laid down, then what the other side said,
then what can be guessed. A rule is terminal only where a later run would meet the very same refusal:
a needless retry costs seconds, a needless dead letter costs a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from policy import symptoms
from policy.errors import Cancelled, OutcomeUnknown, Reschedule, Terminal, Throttled
from policy.failures import Failure
from policy.states import Word


class VerdictKind(Word):
    """What is decided after a failure (DESIGN §7)."""

    RETRY = "retry"
    THROTTLED = "throttled"
    RESCHEDULE = "reschedule"
    TERMINAL = "terminal"
    UNKNOWN = "unknown"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `wait_s` and `run_at` read the time that the failure itself names;
    `final` marks the retry that is not to be.
    """

    id: str
    description: str
    kind: VerdictKind
    matches: Callable[[Failure], bool]
    wait_s: Callable[[Failure], float | None] = lambda failure: None
    run_at: Callable[[Failure], datetime | None] = lambda failure: None
    final: bool = False


#: HTTP: the request itself is refused, and the same request will be again (RFC 9110 §15.5; 451: RFC 7725).
#: Left out are those that another moment may answer otherwise: 408, 409, 412, 421, 423, 424, 425, 429.
REFUSING_STATUSES = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 407, 410, 411, 413, 414, 415, 416, 417, 422, 426, 428, 431, 451}
)

#: HTTP 4xx that may pass: time-out, conflict, precondition, misdirected, locked, dependency, too early.
PASSING_STATUSES = frozenset({408, 409, 412, 421, 423, 424, 425})

#: Seconds to wait when a mail server says "later": grey lists open after about five minutes, and the
#: second-long backoff would have spent every attempt before. 421 only ends the connection: a minute.
MAIL_LATER_S, MAIL_CLOSING_S = 300.0, 60.0

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


def _unknown_anywhere(failure: Failure) -> bool:
    # Also where it was merely being handled: no later error makes the outcome known.
    return failure.outermost and any(
        isinstance(relative, OutcomeUnknown) for relative in symptoms.relatives(failure.error)
    )


def _is(*classes: type[BaseException]) -> Callable[[Failure], bool]:
    return lambda failure: isinstance(failure.link, classes)


def _named(*names: str) -> Callable[[Failure], bool]:
    wanted = frozenset(names)
    return lambda failure: not wanted.isdisjoint(failure.names)


def _status_in(statuses: Iterable[int]) -> Callable[[Failure], bool]:
    wanted = frozenset(statuses)
    return lambda failure: failure.status in wanted


def _sqlstate_in(*starts: str) -> Callable[[Failure], bool]:
    return lambda failure: failure.sqlstate is not None and failure.sqlstate.startswith(starts)


def _smtp_in(codes: range) -> Callable[[Failure], bool]:
    return lambda failure: failure.smtp_code in codes


def _throttled_wait_s(failure: Failure) -> float | None:
    return failure.link.retry_after_s if isinstance(failure.link, Throttled) else None


def _rescheduled_at(failure: Failure) -> datetime | None:
    return failure.link.run_at if isinstance(failure.link, Reschedule) else None


def _retry_after_s(failure: Failure) -> float | None:
    return failure.retry_after_s


def _delay_s(failure: Failure) -> float | None:
    return symptoms.delay_s_of(failure.link) if "Retry" in failure.names else None


def _mail_wait_s(failure: Failure) -> float:
    return MAIL_CLOSING_S if failure.smtp_code == 421 else MAIL_LATER_S


RULES: tuple[Rule, ...] = (
    # What the job said itself.
    Rule(
        "outcome-unknown",
        "an effect may or may not have happened, here or in any error behind this one",
        VerdictKind.UNKNOWN,
        _unknown_anywhere,
    ),
    Rule("cancelled", "the actor raised Cancelled", VerdictKind.CANCEL, _is(Cancelled)),
    Rule(
        "rescheduled",
        "the actor raised Reschedule",
        VerdictKind.RESCHEDULE,
        _is(Reschedule),
        run_at=_rescheduled_at,
    ),
    Rule(
        "throttled",
        "the actor raised Throttled",
        VerdictKind.THROTTLED,
        _is(Throttled),
        wait_s=_throttled_wait_s,
    ),
    Rule("terminal", "the actor raised Terminal", VerdictKind.TERMINAL, _is(Terminal)),
    Rule(
        "shutdown",
        "the worker was told to stop: no fault of the job, nothing is spent",
        VerdictKind.RESCHEDULE,
        _named("Shutdown"),
    ),
    # What its author laid down.
    Rule(
        "throws",
        "the actor's option `throws` names the error",
        VerdictKind.TERMINAL,
        lambda failure: failure.outermost and isinstance(failure.error, failure.budgets.throws),
    ),
    Rule(
        "retry-when-broken",
        "the actor's `retry_when` failed itself: neither for ever nor silently",
        VerdictKind.TERMINAL,
        lambda failure: isinstance(failure.retry_when_says, Exception),
    ),
    Rule(
        "retry-when-refused",
        "the actor's `retry_when` said no",
        VerdictKind.RETRY,
        lambda failure: failure.retry_when_says is False,
        final=True,
    ),
    Rule(
        "dramatiq-retry",
        "Dramatiq's Retry, with its delay if it has one",
        VerdictKind.RETRY,
        _named("Retry"),
        wait_s=_delay_s,
    ),
    # What the other side said.
    Rule(
        "rate-limited",
        "Dramatiq's RateLimitExceeded: another holds the limiter",
        VerdictKind.THROTTLED,
        _named("RateLimitExceeded"),
    ),
    Rule(
        "http-429",
        "HTTP 429: too many requests",
        VerdictKind.THROTTLED,
        _status_in({429}),
        wait_s=_retry_after_s,
    ),
    Rule(
        "http-retry-after",
        "any HTTP failure that names its time in Retry-After",
        VerdictKind.THROTTLED,
        lambda failure: failure.status is not None and failure.retry_after_s is not None,
        wait_s=_retry_after_s,
    ),
    Rule(
        "smtp-later",
        "SMTP 4yz: not now (grey list, full mailbox, busy server)",
        VerdictKind.THROTTLED,
        _smtp_in(range(400, 500)),
        wait_s=_mail_wait_s,
    ),
    Rule(
        "retry-when",
        "the actor's `retry_when` said yes, also where the table would give up",
        VerdictKind.RETRY,
        lambda failure: failure.retry_when_says is True,
    ),
    Rule(
        "smtp-refused",
        "SMTP 5yz: refused for good",
        VerdictKind.TERMINAL,
        _smtp_in(range(500, 600)),
    ),
    Rule(
        "http-refused",
        "an HTTP status by which the same request is refused again",
        VerdictKind.TERMINAL,
        _status_in(REFUSING_STATUSES),
    ),
    Rule("http-passing", "an HTTP 4xx that may pass", VerdictKind.RETRY, _status_in(PASSING_STATUSES)),
    Rule("http-server", "HTTP 5xx: the server's own trouble", VerdictKind.RETRY, _status_in(range(500, 600))),
    Rule(
        "sql-passing",
        "SQLSTATE of the connection, the server's state or a rollback",
        VerdictKind.RETRY,
        _sqlstate_in(*PASSING_SQLSTATES),
    ),
    Rule(
        "sql-conflict",
        "SQLSTATE of a constraint that hangs on other rows",
        VerdictKind.RETRY,
        _sqlstate_in(*PASSING_CONSTRAINTS),
    ),
    Rule(
        "sql-refused",
        "SQLSTATE of the data or the statement itself",
        VerdictKind.TERMINAL,
        _sqlstate_in(*REFUSING_SQLSTATES),
    ),
    # What can be guessed from the class.
    Rule(
        "time-limit",
        "the attempt took longer than its time limit",
        VerdictKind.RETRY,
        _named("TimeLimitExceeded"),
    ),
    Rule("out-of-memory", "MemoryError: the next worker may have more", VerdictKind.RETRY, _is(MemoryError)),
    Rule("timeout", "no answer in time", VerdictKind.RETRY, _named(*TIMEOUT_NAMES)),
    Rule("connection", "not reached, refused, or gone away", VerdictKind.RETRY, _named(*CONNECTION_NAMES)),
)
