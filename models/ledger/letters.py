"""Dead letters and the operators' verbs on them: put aside, requeue, discard; each leaves its audit row in the same
transaction. It must not know Redis: copies and XQ entries follow after the commit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import psycopg2.errors

from models.crash_points import crash_point
from models.database import atomic, query, run
from policy.errors import InvariantRefused, NotFound
from policy.requeue import LetterFacts, discard_refusal, requeue_refusal
from policy.states import DeadReason, JobState, Resolution
from policy.texts import cap_text

#: Bytes of an error's text that a letter keeps.
_ERROR_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class RawLetter:
    """Bytes that never became a job: no message, or refused by the ledger itself."""

    queue: str
    redis_id: str
    data: bytes
    reason: DeadReason
    error_class: str
    error_message: str


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, why, and under which plan; `before` and `after` of the audit row come from the ledger."""

    name: str
    reason: str | None = None
    plan_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A letter that moved: its job (None if it was adopted) and where its XQ entry stands."""

    letter_id: UUID
    job_id: UUID | None
    queue: str
    redis_message_id: str | None


def put_aside(letters: Sequence[RawLetter]) -> None:
    """Keep raw bytes as letters without a job; repeating it is harmless."""
    for letter in letters:
        query(
            "INSERT INTO dead_letter (id, queue, redis_message_id, raw, reason, error_class, error_message)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                uuid4(),
                letter.queue,
                letter.redis_id,
                letter.data,
                letter.reason.value,
                letter.error_class,
                cap_text(letter.error_message, _ERROR_BYTES),
            ),
        )


def requeue_letter(letter_id: UUID, operator: Operator, *, dedupe_s: int) -> Resolved:
    """Move an open letter's job back to pending: budgets zeroed, key taken back, letter REQUEUED.

    Raises NotFound, and InvariantRefused with the name of the invariant; nothing has moved then, and the refusal is
    on record.
    """
    refusal: str | None
    with atomic():
        letter = _locked_letter(letter_id)
        _let_expired_key_go(letter)
        refusal = requeue_refusal(_facts(letter))
        if refusal is None and not _job_requeued(letter["job_id"], dedupe_s):
            refusal = "key_taken"
        _settle(letter, operator, "requeue", Resolution.REQUEUED, refusal, JobState.PENDING)
        crash_point("requeue.before_commit")
    crash_point("requeue.after_commit")
    if refusal is not None:
        raise InvariantRefused(refusal)
    return _resolved(letter)


def discard_letter(letter_id: UUID, operator: Operator) -> Resolved:
    """Close an open letter for good: its job is discarded. Needs a reason.

    Raises NotFound, and InvariantRefused with the name of the invariant.
    """
    with atomic():
        letter = _locked_letter(letter_id)
        refusal = discard_refusal(_facts(letter), operator.reason or "")
        if refusal is None and letter["job_id"] is not None:
            query("UPDATE background_job SET state = 'discarded' WHERE id = %s AND state = 'dead'", (letter["job_id"],))
        _settle(letter, operator, "discard", Resolution.DISCARDED, refusal, JobState.DISCARDED)
    if refusal is not None:
        raise InvariantRefused(refusal)
    return _resolved(letter)


def record_action(
    operator: Operator, verb: str, target: str, result: str, *, before: Any = None, after: Any = None
) -> None:
    """Append a row to the operators' log; JSON-able `before` and `after`."""
    query(
        "INSERT INTO operator_action (operator, verb, target, reason, plan_hash, before, after, result)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            operator.name,
            verb,
            target,
            operator.reason,
            operator.plan_hash,
            None if before is None else json.dumps(before),
            None if after is None else json.dumps(after),
            result,
        ),
    )


_COLUMNS = ("id", "job_id", "queue", "redis_message_id", "reason", "resolution", "payload", "version", "died_at")


def _locked_letter(letter_id: UUID) -> dict[str, Any]:
    """The letter with its job, both locked: the job first, as every other statement does."""
    query(
        "SELECT FROM background_job WHERE id = (SELECT job_id FROM dead_letter WHERE id = %s) FOR UPDATE", (letter_id,)
    )
    rows = query(f"SELECT {', '.join(_COLUMNS)} FROM dead_letter WHERE id = %s FOR UPDATE", (letter_id,))
    if not rows:
        raise NotFound(f"no dead letter {letter_id}")
    return dict(zip(_COLUMNS, rows[0], strict=True))


def _facts(letter: dict[str, Any]) -> LetterFacts:
    job = query(
        "SELECT state, (SELECT holder.id FROM background_job AS holder WHERE holder.dispatch_key = job.dispatch_key"
        " AND holder.holds_key AND holder.id <> job.id),"
        " (SELECT count(*) FROM side_effect WHERE side_effect.job_id = job.id AND side_effect.state = 'UNKNOWN')"
        " FROM background_job AS job WHERE id = %s",
        (letter["job_id"],),
    )
    state, key_holder, unknown_effects = job[0] if job else (None, None, 0)
    return LetterFacts(
        resolution=Resolution(letter["resolution"]),
        job_state=JobState(state) if state else None,
        live_claim=state == JobState.RUNNING.value,
        unknown_effects=unknown_effects,
        key_held_by_other=key_holder,
        adopted=letter["job_id"] is None,
        decodable=letter["payload"] is not None,
        reason=DeadReason(letter["reason"]),
    )


def _job_requeued(job_id: UUID, dedupe_s: int) -> bool:
    try:
        with atomic():
            return bool(run("requeue_job", (job_id, dedupe_s)))
    except psycopg2.errors.UniqueViolation:
        # Somebody dispatched the key between our look and our write.
        return False


def _let_expired_key_go(letter: dict[str, Any]) -> None:
    rows = query("SELECT dispatch_key FROM background_job WHERE id = %s", (letter["job_id"],))
    if rows:
        run("let_go_keys", ([rows[0][0]],))


def _settle(
    letter: dict[str, Any],
    operator: Operator,
    verb: str,
    resolution: Resolution,
    refusal: str | None,
    job_state: JobState,
) -> None:
    before = {"resolution": letter["resolution"], "job_state": JobState.DEAD.value}
    if refusal is not None:
        record_action(operator, verb, str(letter["id"]), f"refused: {refusal}", before=before)
        return
    query(
        "UPDATE dead_letter SET resolution = %s, resolved_by = %s, resolved_reason = %s, version = version + 1,"
        " resolved_at = clock_timestamp() WHERE id = %s AND resolution = 'OPEN'",
        (resolution.value, operator.name, operator.reason, letter["id"]),
    )
    after = {"resolution": resolution.value, "job_state": job_state.value}
    record_action(operator, verb, str(letter["id"]), "done", before=before, after=after)


def _resolved(letter: dict[str, Any]) -> Resolved:
    return Resolved(letter["id"], letter["job_id"], letter["queue"], letter["redis_message_id"])
