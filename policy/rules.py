"""The ordered table of rules by which a failure is judged: the first that matches decides, its id is stored.

Order is meaning: what the job said itself, then what its author laid down, then what the other side said,
then what can be guessed. A rule is terminal only where a later run would meet the very same refusal:
a needless retry costs seconds, a needless dead letter costs a person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from policy import conditions
from policy.errors import Cancelled, FollowUpUnbuildable, FollowUpUnknown, Reschedule, Terminal, Throttled
from policy.failures import Failure
from policy.states import Word


class VerdictKind(Word):
    """What is decided after a failure (docs/architecture.md)."""

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
    reason: Callable[[Failure], str] = conditions.code_as_reason
    final: bool = False


RULES: tuple[Rule, ...] = (
    # What the job said itself.
    Rule(
        "outcome-unknown",
        "an effect may or may not have happened, here or in any error behind this one",
        VerdictKind.UNKNOWN,
        conditions.outcome_unknown,
    ),
    Rule("cancelled", "the actor raised Cancelled", VerdictKind.CANCEL, conditions.is_a(Cancelled)),
    Rule(
        "rescheduled",
        "the actor raised Reschedule",
        VerdictKind.RESCHEDULE,
        conditions.is_a(Reschedule),
        run_at=conditions.rescheduled_at,
    ),
    Rule(
        "throttled",
        "the actor raised Throttled",
        VerdictKind.THROTTLED,
        conditions.is_a(Throttled),
        wait_s=conditions.throttled_wait_s,
    ),
    Rule("terminal", "the actor raised Terminal", VerdictKind.TERMINAL, conditions.is_a(Terminal)),
    Rule(
        "follow-up-unknown",
        "a callback's actor is unknown here: a worker of newer code may know it",
        VerdictKind.RETRY,
        conditions.is_a(FollowUpUnknown),
    ),
    Rule(
        "follow-up-unbuildable",
        "the job has worked, but what follows from it (pipeline step, callback) cannot be built",
        VerdictKind.TERMINAL,
        conditions.is_a(FollowUpUnbuildable),
    ),
    Rule(
        "shutdown",
        "the worker was told to stop: no fault of the job, nothing is spent",
        VerdictKind.RESCHEDULE,
        conditions.named("Shutdown"),
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
        reason=conditions.broken_retry_when,
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
        conditions.named("Retry"),
        wait_s=conditions.delay_s,
    ),
    # What the other side said.
    Rule(
        "rate-limited",
        "Dramatiq's RateLimitExceeded: another holds the limiter",
        VerdictKind.THROTTLED,
        conditions.named("RateLimitExceeded"),
    ),
    Rule(
        "http-429",
        "HTTP 429: too many requests",
        VerdictKind.THROTTLED,
        conditions.status_in({429}),
        wait_s=conditions.retry_after_s,
    ),
    Rule(
        "http-retry-after",
        "any HTTP failure that names its time in Retry-After",
        VerdictKind.THROTTLED,
        lambda failure: failure.status is not None and failure.retry_after_s is not None,
        wait_s=conditions.retry_after_s,
    ),
    # Not a retry: a grey list opens after minutes, when five attempts would long be spent.
    Rule(
        "smtp-later",
        "SMTP 4yz: not now (grey list, full mailbox, busy server)",
        VerdictKind.THROTTLED,
        conditions.smtp_in(range(400, 500)),
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
        conditions.smtp_in(range(500, 600)),
    ),
    Rule(
        "http-refused",
        "an HTTP status by which the same request is refused again",
        VerdictKind.TERMINAL,
        conditions.status_in(conditions.REFUSING_STATUSES),
    ),
    Rule(
        "http-passing",
        "an HTTP 4xx that may pass",
        VerdictKind.RETRY,
        conditions.status_in(conditions.PASSING_STATUSES),
    ),
    Rule(
        "http-server",
        "HTTP 5xx: the server's own trouble",
        VerdictKind.RETRY,
        conditions.status_in(range(500, 600)),
    ),
    Rule(
        "sql-passing",
        "SQLSTATE of the connection, the server's state or a rollback",
        VerdictKind.RETRY,
        conditions.sqlstate_in(*conditions.PASSING_SQLSTATES),
    ),
    Rule(
        "sql-conflict",
        "SQLSTATE of a constraint that hangs on other rows",
        VerdictKind.RETRY,
        conditions.sqlstate_in(*conditions.PASSING_CONSTRAINTS),
    ),
    Rule(
        "sql-refused",
        "SQLSTATE of the data or the statement itself",
        VerdictKind.TERMINAL,
        conditions.sqlstate_in(*conditions.REFUSING_SQLSTATES),
    ),
    # What can be guessed from the class.
    Rule(
        "time-limit",
        "the attempt took longer than its time limit",
        VerdictKind.RETRY,
        conditions.named("TimeLimitExceeded"),
    ),
    Rule(
        "out-of-memory",
        "MemoryError: the next worker may have more",
        VerdictKind.RETRY,
        conditions.is_a(MemoryError),
    ),
    Rule("timeout", "no answer in time", VerdictKind.RETRY, conditions.named(*conditions.TIMEOUT_NAMES)),
    Rule(
        "connection",
        "not reached, refused, or gone away",
        VerdictKind.RETRY,
        conditions.named(*conditions.CONNECTION_NAMES),
    ),
)
