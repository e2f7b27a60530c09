"""The effects' own ledger: intents under a live fence, outcomes as facts. It must not know what an effect does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2
import psycopg2.errors

from models.crash_points import crash_point
from models.database import atomic, query
from models.faults import is_infrastructure
from models.ledger.operators import Operator, record_action
from policy.errors import InvariantRefused, NotFound, StaleClaim
from policy.states import EffectState

#: Bytes of a stored result at most; a larger one is kept as its size only.
RESULT_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect's row. `intent` is its own fence: the number of the intent; ages are seconds."""

    key: str
    state: EffectState
    intent: int
    result: Any
    refusal: str | None
    intent_age_s: float
    live_elsewhere: bool
    idempotent_left_s: float


@dataclass(frozen=True, slots=True)
class Intent:
    """What an attempt is about to do, and under which claim."""

    key: str
    kind: str
    job_id: UUID
    run_key: str
    claim_fence: int
    worker_id: UUID
    idempotent_for_s: float | None
    #: It repeats a call that may have happened already: a refusal leaves the outcome unknown.
    repeats: bool = False
    #: Who is asked, and a digest of what for.
    provider: str | None = None
    request_digest: str | None = None


@dataclass(frozen=True, slots=True)
class IntentTaken:
    """The intent is committed under this number; only who holds it settles the effect."""

    intent: int


@dataclass(frozen=True, slots=True)
class IntentRefused:
    """The guard forbade it; that is committed: as REFUSED, or as UNKNOWN where the intent only repeats a call."""

    reason: str


@dataclass(frozen=True, slots=True)
class IntentOvertaken:
    """The effect is not as it was looked at; nothing was written."""


@dataclass(frozen=True, slots=True)
class IntentInDoubt:
    """The commit's reply was lost; `answer` holds if that transaction has committed (`has_committed` knows)."""

    key: str
    intent: int
    transaction: str
    answer: IntentTaken | IntentRefused


def read(key: str, *, job_id: UUID, claim_fence: int) -> Effect | None:
    """The effect as it stands; `live_elsewhere` means under a claim other than the given one that still runs."""
    rows = query(
        "SELECT effect.effect_key, effect.state, effect.intents, effect.result, effect.refusal,"
        " extract(epoch FROM clock_timestamp() - effect.intended_at)::float8,"
        " EXISTS (SELECT FROM background_job AS job WHERE job.id = effect.job_id AND job.state = 'running'"
        "   AND job.fence = effect.fence AND (job.id, job.fence) <> (%s, %s)),"
        " coalesce(extract(epoch FROM effect.idempotent_until - clock_timestamp())::float8, 0)"
        " FROM side_effect AS effect WHERE effect.effect_key = %s",
        (job_id, claim_fence, key),
    )
    return Effect(rows[0][0], EffectState(rows[0][1]), *rows[0][2:]) if rows else None


def intend(
    intent: Intent, *, seen: Effect | None, guard: Callable[[], str | None] | None
) -> IntentTaken | IntentRefused | IntentOvertaken | IntentInDoubt:
    """Commit the intent (or the guard's refusal) under the live claim, if the effect still stands as `seen`.

    Raises StaleClaim when the claim is over: a paused holder opens nothing. Raises psycopg2.Error where nothing was
    committed.
    """
    written: IntentInDoubt | None = None
    try:
        with atomic():
            transaction = _lock_claim(intent)
            refusal = guard() if guard is not None else None
            if refusal is not None and seen is not None and intent.repeats:
                number = _hold(seen)
            else:
                number = _write_intent(intent, seen, refusal)
            if number is None:
                return IntentOvertaken()
            answer = IntentTaken(number) if refusal is None else IntentRefused(refusal)
            written = IntentInDoubt(intent.key, number, transaction, answer)
            crash_point("effect.before_intent_commit")
    except psycopg2.Error as error:
        if written is None or not is_infrastructure(error):
            raise
        return written
    return answer


def has_committed(doubt: IntentInDoubt) -> bool | None:
    """What became of an intent whose commit was not answered; None while PostgreSQL is still at it.

    Its transaction is asked for by number: a row alone could be another's. The row is looked at, too: a server that
    was promoted meanwhile may have given the number to another transaction. Raises psycopg2.Error.
    """
    try:
        rows = query(
            "SELECT pg_xact_status(%s::xid8), EXISTS (SELECT FROM side_effect WHERE effect_key = %s AND intents = %s)",
            (doubt.transaction, doubt.key, doubt.intent),
        )
    except psycopg2.errors.InvalidParameterValue:
        # A number that this server has not come to: the one that we asked has been replaced by its replica.
        return False
    status, stands = rows[0]
    return None if status == "in progress" else status == "committed" and bool(stands)


def _lock_claim(intent: Intent) -> str:
    """Hold the claim's job until this transaction ends; gives the transaction's number."""
    rows = query(
        "SELECT pg_current_xact_id()::text FROM background_job"
        " WHERE id = %s AND state = 'running' AND fence = %s AND worker_id = %s FOR NO KEY UPDATE",
        (intent.job_id, intent.claim_fence, intent.worker_id),
    )
    if not rows:
        raise StaleClaim
    return str(rows[0][0])


def settle(key: str, intent: int, state: EffectState, result: str | None) -> EffectState | None:
    """Write an outcome down by the effect's own fence; gives the state it had before, None if nothing moved.

    A confirmation is taken from every state of its intent, whoever holds the job and whatever was settled meanwhile;
    other outcomes only from INTENDED (FAILED from UNKNOWN, too). `result` is JSON text.
    """
    before = {
        EffectState.CONFIRMED: ["INTENDED", "UNKNOWN", "FAILED", "REFUSED"],
        EffectState.FAILED: ["INTENDED", "UNKNOWN"],
    }.get(state, ["INTENDED"])
    rows = query(
        "WITH former AS MATERIALIZED (SELECT effect_key, state FROM side_effect"
        "   WHERE effect_key = %s AND intents = %s AND state = ANY (%s) FOR UPDATE)"
        " UPDATE side_effect AS effect SET state = %s, result = coalesce(%s::jsonb, effect.result), refusal = NULL,"
        " provider_reference = coalesce(%s, effect.provider_reference), settled_at = clock_timestamp()"
        " FROM former WHERE effect.effect_key = former.effect_key RETURNING former.state",
        (key, intent, before, state.value, _capped(result), _reference(result)),
    )
    return EffectState(rows[0][0]) if rows else None


def note_overtaken(key: str, intent: int) -> bool:
    """A call succeeded whose intent a newer one has replaced: on record unless the other side knows repeats by key.

    Whether it was noted.
    """
    rows = query(
        "UPDATE side_effect SET overtaken_at = clock_timestamp()"
        " WHERE effect_key = %s AND intents > %s AND idempotent_until IS NULL RETURNING effect_key",
        (key, intent),
    )
    return bool(rows)


def stands(key: str, intent: int, state: EffectState) -> bool:
    """Whether the effect stands in that state under that intent. Raises psycopg2.Error."""
    rows = query(
        "SELECT 1 FROM side_effect WHERE effect_key = %s AND intents = %s AND state = %s", (key, intent, state.value)
    )
    return bool(rows)


def _hold(seen: Effect) -> int | None:
    """UNKNOWN under the intent that may have happened, so that its confirmation is still taken."""
    rows = query(
        "UPDATE side_effect SET state = 'UNKNOWN', settled_at = clock_timestamp()"
        " WHERE effect_key = %s AND state = 'INTENDED' AND intents = %s RETURNING intents",
        (seen.key, seen.intent),
    )
    return int(rows[0][0]) if rows else None


def _write_intent(intent: Intent, seen: Effect | None, refusal: str | None) -> int | None:
    state = EffectState.INTENDED if refusal is None else EffectState.REFUSED
    values = (
        intent.kind,
        intent.job_id,
        intent.run_key,
        intent.claim_fence,
        state.value,
        refusal,
        intent.provider,
        intent.request_digest,
        intent.idempotent_for_s,
    )
    if seen is None:
        rows = query(
            "INSERT INTO side_effect (kind, job_id, run_key, fence, state, refusal, provider, request_digest,"
            " idempotent_until, settled_at, effect_key) SELECT kind, job, run_key, fence, state, refusal, provider,"
            " digest, clock_timestamp() + idempotent, CASE WHEN refusal IS NOT NULL THEN clock_timestamp() END, key"
            " FROM (VALUES (%s, %s::uuid, %s, %s, %s, %s::text, %s::text, %s::text, make_interval(secs => %s), %s))"
            " AS v (kind, job, run_key, fence, state, refusal, provider, digest, idempotent, key)"
            " ON CONFLICT DO NOTHING RETURNING intents",
            (*values, intent.key),
        )
    else:
        rows = query(
            "UPDATE side_effect SET kind = %s, job_id = %s, run_key = %s, fence = %s, state = %s, refusal = %s,"
            " provider = %s, request_digest = %s,"
            # The provider has honoured our key since the first intent; a repeated call does not renew that.
            " idempotent_until = CASE WHEN state = 'INTENDED' THEN idempotent_until"
            "   ELSE clock_timestamp() + make_interval(secs => %s) END,"
            " intents = intents + 1, intended_at = clock_timestamp(), result = NULL,"
            " settled_at = CASE WHEN %s THEN clock_timestamp() END"
            " WHERE effect_key = %s AND state = %s AND intents = %s RETURNING intents",
            (*values, refusal is not None, intent.key, seen.state.value, seen.intent),
        )
    return int(rows[0][0]) if rows else None


def _capped(result: str | None) -> str | None:
    if result is None or len(result.encode()) <= RESULT_BYTES:
        return result
    return json.dumps({"omitted_bytes": len(result.encode())})


def _reference(result: str | None) -> str | None:
    """The provider's own name for what was done, where the call's result says one as `provider_reference`."""
    found = json.loads(result) if result else None
    reference = found.get("provider_reference") if isinstance(found, dict) else None
    return reference[:512] if isinstance(reference, str) else None


def settle_unknown(key: str, job_id: UUID, operator: Operator, *, sent: bool) -> None:
    """An operator says what became of an unknown effect: CONFIRMED with a result that says who said so, or FAILED.

    Raises NotFound where the job has no such effect, and InvariantRefused (`not_unknown`); then nothing has moved, and
    the refusal is on record.
    """
    state = EffectState.CONFIRMED if sent else EffectState.FAILED
    result = json.dumps({"settled_by": operator.name, "reason": operator.reason})
    with atomic():
        rows = query("SELECT state FROM side_effect WHERE effect_key = %s AND job_id = %s FOR UPDATE", (key, job_id))
        if not rows:
            raise NotFound(f"job {job_id} has no effect {key}")
        moved = query(
            "UPDATE side_effect SET state = %s, settled_at = clock_timestamp(),"
            " result = CASE WHEN %s THEN %s::jsonb END"
            " WHERE effect_key = %s AND job_id = %s AND state = 'UNKNOWN' RETURNING state",
            (state.value, sent, result, key, job_id),
        )
        after = {"state": state.value} if moved else None
        outcome = "done" if moved else "refused: not_unknown"
        record_action(operator, "settle", key, outcome, before={"state": rows[0][0]}, after=after)
    if not moved:
        raise InvariantRefused("not_unknown")
