"""From what an actor did to the finish that the ledger writes. It must not know who writes it."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dramatiq import Broker

from middleware.envelopes import actor_option, json_text
from middleware.in_hand import Held
from models.ledger.dispatch import Wanted
from models.ledger.finish import Failure, Finish
from policy.fingerprints import fingerprint
from policy.states import DeadReason, JobState, RunStatus
from policy.texts import cap_text
from policy.verdicts import Budgets, Decision, VerdictKind, classify, decide

#: Bytes of an error's message and of its traceback that a row keeps.
_MESSAGE_BYTES = 2_000
_TRACEBACK_BYTES = 8_000
_FRAMES = 30
#: Backoff of actors that name none, in ms (docs/architecture.md).
_MIN_BACKOFF_MS = 1_000
_MAX_BACKOFF_MS = 900_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided after a failure: the verdict's kind, the rule that gave it, and what becomes of the job."""

    decision: Decision
    verdict: str
    rule: str
    failure: Failure | None
    #: The error's text where it is a decision and no failure.
    reason: str | None = None


def judge(broker: Broker, message: Any, held: Held, error: BaseException) -> Judgement:
    """The verdict on a failed attempt, by the actor's and the message's options.

    Raises what options that are not of their kind raise.
    """
    claim = held.claim
    budgets = Budgets(
        attempts_spent=claim.attempts_spent,
        attempts_allowed=claim.attempts_allowed,
        throttles_spent=claim.throttles,
        throws=_throws(actor_option(broker, message, "throws")),
        retry_when=actor_option(broker, message, "retry_when"),
    )
    min_backoff_ms = int(actor_option(broker, message, "min_backoff", _MIN_BACKOFF_MS))
    max_backoff_ms = int(actor_option(broker, message, "max_backoff", _MAX_BACKOFF_MS))
    return _judged(held, error, budgets, min_backoff_ms, max_backoff_ms)


def judge_plainly(held: Held, error: BaseException) -> Judgement:
    """The verdict on a failed attempt whose options could not be read: by its budgets alone."""
    claim = held.claim
    budgets = Budgets(claim.attempts_spent, claim.attempts_allowed, claim.throttles)
    return _judged(held, error, budgets, _MIN_BACKOFF_MS, _MAX_BACKOFF_MS)


def _judged(held: Held, error: BaseException, budgets: Budgets, min_backoff_ms: int, max_backoff_ms: int) -> Judgement:
    now = held.database_now()
    verdict = classify(error, held.claim.attempt, budgets, now=now)
    decision = decide(
        verdict,
        budgets,
        now=now,
        rand=random.random(),
        min_backoff_ms=min_backoff_ms,
        max_backoff_ms=max_backoff_ms,
    )
    if verdict.kind in (VerdictKind.CANCEL, VerdictKind.RESCHEDULE):
        return Judgement(decision, verdict.kind.value, verdict.rule, None, _message_of(error))
    return Judgement(decision, verdict.kind.value, verdict.rule, failure_of(error))


def death(reason: DeadReason, rule: str, text: str) -> Judgement:
    """The judgement on a message that was failed without an error: by hand, or for its age."""
    decision = Decision(RunStatus.FAILED, JobState.DEAD, dead_reason=reason)
    return Judgement(decision, VerdictKind.TERMINAL.value, rule, Failure("MessageFailed", text, "", rule))


def cancelled(rule: str) -> Judgement:
    """The judgement on a message that was skipped: nobody wants it any more."""
    return Judgement(Decision(RunStatus.CANCELLED, JobState.CANCELLED), VerdictKind.CANCEL.value, rule, None)


def failure_of(error: BaseException) -> Failure:
    """Class, message, traceback and fingerprint of an error, ready for a row."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.name}" for frame in frames]
    name = type(error).__qualname__
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-_FRAMES))
    return Failure(
        error_class=cap_text(name, 200),
        message=_message_of(error),
        traceback=cap_text(trace, _TRACEBACK_BYTES, keep_end=True),
        fingerprint=fingerprint(name, _text_of(error), places),
    )


def _message_of(error: BaseException) -> str:
    """What the error says, as a row takes it; its class's name where it says nothing, as a time limit does."""
    text = _text_of(error)
    return cap_text(text if text.strip() else type(error).__qualname__, _MESSAGE_BYTES)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # an error whose own __str__ raises must still be recorded
        return f"(its text could not be had: {type(broken).__name__})"


def finish_of(held: Held, judgement: Judgement | None, result: Any, follow_ups: Sequence[Wanted]) -> Finish:
    """The finish of one attempt; without a judgement it has succeeded with `result`."""
    started_after_s = held.started_after_s
    duration_s = None if held.started_s is None else time.monotonic() - held.started_s
    if judgement is None:
        return Finish(
            held.claim,
            RunStatus.SUCCEEDED.value,
            JobState.SUCCEEDED.value,
            started_after_s=started_after_s,
            duration_s=duration_s,
            result=json_text(result),
            follow_ups=follow_ups,
        )
    decision = judgement.decision
    return Finish(
        held.claim,
        decision.status.value,
        decision.state.value,
        run_at=decision.run_at,
        spends_attempt=decision.spends_attempt,
        spends_throttle=decision.spends_throttle,
        started_after_s=started_after_s,
        duration_s=duration_s,
        failure=judgement.failure,
        verdict=judgement.verdict,
        rule=judgement.rule,
        death=decision.dead_reason.value if decision.dead_reason else None,
        reason=judgement.reason,
        redis_id=held.redis_id,
        follow_ups=follow_ups,
    )


def _throws(option: Any) -> tuple[type[BaseException], ...]:
    """`throws` of an actor: a class or a tuple of classes; anything else (a message option from JSON) is ignored."""
    classes = option if isinstance(option, tuple) else (option,)
    return tuple(one for one in classes if isinstance(one, type) and issubclass(one, BaseException))
