"""Every error Callboard raises, in one tree. The docstring's first line is the default message,
its last says who must act. Knows nothing of Dramatiq: hooks translate where Dramatiq wants its own classes.
"""

from __future__ import annotations

import math
from datetime import datetime


class CallboardError(Exception):
    """Something went wrong in Callboard.

    Acts: whoever catches it; no code raises this class itself.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message or first_line(type(self)))


def first_line(error_class: type[BaseException]) -> str:
    """The first line of a class's docstring; the class's name under `python -OO`, which drops docstrings."""
    return (error_class.__doc__ or error_class.__name__).strip().partition("\n")[0]


# Raised by actors, to say what is to become of the job.


class ActorVerdict(CallboardError):
    """The actor has decided what is to become of its job.

    Acts: nobody; the failures hook reads it. `reason` is the actor's own text, perhaps empty.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Terminal(ActorVerdict):
    """The job can never work: it is dead at once.

    Acts: an operator, who reads the dead letter and requeues or discards it.
    """


class Throttled(ActorVerdict):
    """The other side said wait; the job is run again at its time and no attempt is spent.

    `retry_after_s` is in seconds, finite and not negative (ValueError); the wait is held
    between 1 s and 24 h.
    Acts: nobody.
    """

    def __init__(self, reason: str = "", *, retry_after_s: float) -> None:
        if not 0 <= retry_after_s < math.inf:
            raise ValueError(f"retry_after_s must be a finite number of seconds >= 0, not {retry_after_s!r}")
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Reschedule(ActorVerdict):
    """The job asks to be run at another time; nothing is spent.

    `run_at` is an aware datetime (ValueError if naive); times in the past mean one second from now.
    Acts: nobody.
    """

    def __init__(self, reason: str = "", *, run_at: datetime) -> None:
        if run_at.tzinfo is None or run_at.utcoffset() is None:
            raise ValueError("run_at must be an aware datetime, such as datetime.now(timezone.utc)")
        super().__init__(reason)
        self.run_at = run_at


class NotYet(Reschedule):
    """The gate would let it out, but not at this hour or at this rate: nothing was intended.

    Acts: nobody.
    """


class OutcomeUnknown(ActorVerdict):
    """An effect may or may not have happened: the job is held and never retried by itself.

    Acts: an operator, who finds out and settles the effect.
    """


class Cancelled(ActorVerdict):
    """The job is no longer wanted: it is closed quietly.

    Acts: nobody.
    """


class FollowUpUnbuildable(CallboardError):
    """The job has worked, but what follows from it cannot be built: it is dead, and nothing follows.

    `from` says why: a result that JSON cannot carry, a dispatch key that cannot be one.
    Acts: an operator, who has the code corrected and requeues the dead letter.
    """


class FollowUpUnknown(FollowUpUnbuildable):
    """The job has worked, but its callback is an actor that this worker does not know.

    Acts: nobody during a deploy: the job runs again; an operator, when its attempts have run out.
    """


class NothingDone(CallboardError):
    """The call of an effect failed before the other side could act on it; `from` says how.

    What becomes of the job is judged by that cause.
    Acts: nobody.
    """


# Raised to callers.


class DispatchContended(CallboardError):
    """The dispatch lost to another transaction (lock time-out, deadlock, serialisation); nothing was written.

    Acts: the caller, by dispatching again; it is safe, and the one error of dispatch for which that helps.
    """


class EffectInTransaction(CallboardError):
    """An effect was asked for inside an open transaction, whose rollback could not take it back.

    Acts: the caller, by calling once() after the transaction.
    """


class StaleClaim(CallboardError):
    """This worker's claim on the job is over, so the effect was refused and nothing was sent.

    Acts: nobody; the job belongs to another worker, or to none.
    """


class LedgerUnavailable(CallboardError):
    """The ledger cannot be reached, so nothing runs.

    Acts: an operator, by bringing PostgreSQL back; work goes on by itself then.
    """


class ServersNotFound(CallboardError):
    """No servers found: run `callboard up`, or set CALLBOARD_DATABASE_URL and CALLBOARD_REDIS_URL.

    Acts: an operator.
    """


class InvariantRefused(CallboardError):
    """An invariant forbids this.

    `reason` is the stable name of the refusal; `policy.requeue.REFUSALS` has a sentence for each.
    Acts: the caller, by first making true what the reason names.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or f"refused: {reason}")
        self.reason = reason


class SettingInvalid(CallboardError):
    """A setting is not of its kind.

    The message is one line: name, value and what is allowed. `value` must come masked if it is a secret.
    Acts: an operator, by correcting the environment.
    """

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{name}={value!r} is not valid: allowed is {allowed}")
        self.name = name
        self.value = value
        self.allowed = allowed


class NotFound(CallboardError):
    """Nothing goes by that id or key.

    Acts: the caller.
    """


class Ambiguous(CallboardError):
    """That beginning of an id is shared by several; give more of it.

    Acts: the caller.
    """


class MailUnreadable(CallboardError):
    """The file is not a mail that can be read.

    Acts: an operator, who looks at the file; ingest reports it and goes on.
    """


class LineUnreadable(CallboardError):
    """The line is not a message that can be read.

    Acts: an operator, who looks at the line; ingest reports it and goes on.
    """
