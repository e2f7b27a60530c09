"""The invariant check: silent on a ledger as the statements leave it, one breach for each rule that rows break."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from models.database import query
from models.ledger import effects
from models.ledger.finish import finish, give_back
from models.readings.invariants import Extent, breaches
from policy.invariants import SENTENCES, Invariant
from policy.keys import run_key
from policy.states import EffectState
from tests.ledger_cases import (
    DEDUPE_S,
    claimed,
    death,
    dispatched,
    lose,
    registered,
    retry,
    success,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


def names() -> set[str]:
    """The invariants that rows break now."""
    return {str(breach.invariant) for breach in breaches(Extent(), client_max=64)}


def succeeded_job() -> UUID:
    holder = registered()
    claim = claimed(holder)
    finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)
    return claim.job_id


def dead_job() -> UUID:
    holder = registered()
    claim = claimed(holder)
    finish(holder.id, [death(claim)], dedupe_s=DEDUPE_S)
    return claim.job_id


def running_job() -> UUID:
    return claimed(registered()).job_id


def intended_by_a_succeeded_job() -> str:
    holder = registered()
    claim = claimed(holder)
    intent = effects.Intent(
        f"mail:{claim.job_id}", "mail", claim.job_id, run_key("actor", claim.job_id, 1), claim.fence, holder.id, None
    )
    effects.intend(intent, seen=None, guard=None)
    finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)
    return intent.key


def test_every_invariant_has_its_sentence() -> None:
    unsaid = set(Invariant) - set(SENTENCES)

    assert unsaid == set()


def test_ledger_as_the_statements_leave_it_breaks_nothing() -> None:
    holder = registered()
    succeeded_job()
    dead_job()
    running_job()
    dispatched()
    again = dispatched()
    finish(holder.id, [retry(claimed(holder, again))], dedupe_s=DEDUPE_S)
    returned = claimed(holder)
    give_back(holder.id, [returned])
    key = intended_by_a_succeeded_job()
    effects.settle(key, 1, EffectState.CONFIRMED, json.dumps({"id": 1}))
    lost = registered()
    claimed(lost)
    lose(lost)

    found = names()

    assert found == set()


def reopen(job_id: UUID) -> None:
    query("UPDATE background_function_run SET status = 'RUNNING', finished_at = NULL WHERE job_id = %s", (job_id,))


def run_again(job_id: UUID) -> None:
    query(
        "UPDATE background_job SET attempts = 2, fence = 2, state = 'running', finished_at = NULL, worker_id = %s,"
        " claim_id = %s WHERE id = %s",
        (registered().id, uuid4(), job_id),
    )


def close_attempt(job_id: UUID) -> None:
    query(
        "UPDATE background_function_run SET status = 'FAILED', finished_at = clock_timestamp() WHERE job_id = %s",
        (job_id,),
    )


def end_holder(job_id: UUID) -> None:
    query(
        "UPDATE worker SET stopped_at = clock_timestamp()"
        " WHERE id = (SELECT worker_id FROM background_job WHERE id = %s)",
        (job_id,),
    )


def lose_holder_long_ago(job_id: UUID) -> None:
    query(
        "UPDATE worker SET lost_at = clock_timestamp() - interval '5 minutes'"
        " WHERE id = (SELECT worker_id FROM background_job WHERE id = %s)",
        (job_id,),
    )


def silence_holder(job_id: UUID) -> None:
    query("UPDATE worker SET heartbeat_at = now() - interval '1 hour', started_at = now() - interval '2 hours'")
    beating = registered()
    query("UPDATE worker SET started_at = now() - interval '1 hour' WHERE id = %s", (beating.id,))


def drop_letter(job_id: UUID) -> None:
    query("DELETE FROM dead_letter WHERE job_id = %s", (job_id,))


def revive(job_id: UUID) -> None:
    query("UPDATE background_job SET state = 'succeeded', holds_key = true WHERE id = %s", (job_id,))


@pytest.mark.parametrize(
    ("prepare", "breaks", "expected"),
    [
        pytest.param(succeeded_job, reopen, {"running-is-open"}, id="an open attempt of a finished job"),
        pytest.param(running_job, close_attempt, {"running-is-open", "finished-is-closed"}, id="a closed attempt"),
        pytest.param(succeeded_job, close_attempt, {"finished-is-closed"}, id="an attempt that ended otherwise"),
        pytest.param(succeeded_job, run_again, {"done-once", "running-is-open"}, id="an attempt after the success"),
        pytest.param(running_job, run_again, {"one-live-claim", "running-is-open"}, id="two open attempts"),
        pytest.param(running_job, end_holder, {"holder-lives"}, id="a holder that has stopped"),
        pytest.param(running_job, lose_holder_long_ago, {"holder-lives"}, id="a loss that nobody recovers"),
        pytest.param(running_job, silence_holder, {"holder-lives"}, id="a silence that nobody declares"),
        pytest.param(dead_job, drop_letter, {"dead-has-letter"}, id="a dead job without a letter"),
        pytest.param(dead_job, revive, {"dead-has-letter", "finished-is-closed"}, id="a letter of a living job"),
    ],
)
def test_broken_row_is_told_with_its_job(
    prepare: Callable[[], UUID], breaks: Callable[[UUID], None], expected: set[str]
) -> None:
    job_id = prepare()

    breaks(job_id)

    assert names() == expected
    assert {breach.subject for breach in breaches(Extent(), client_max=64)} == {str(job_id)}


def test_effect_left_open_by_a_job_that_succeeded_is_told() -> None:
    key = intended_by_a_succeeded_job()

    (breach,) = breaches(Extent(), client_max=64)

    assert (breach.invariant, breach.subject) == (Invariant.EFFECT_IS_SETTLED, key)


def test_effect_without_its_attempt_is_told() -> None:
    key = intended_by_a_succeeded_job()
    effects.settle(key, 1, EffectState.CONFIRMED, None)

    query("UPDATE side_effect SET fence = fence + 1")

    assert [(b.invariant, b.subject) for b in breaches(Extent(), client_max=64)] == [
        (Invariant.EFFECT_HAS_ATTEMPT, key)
    ]


def test_missing_index_is_told_while_it_is_missing(ledger_database: str) -> None:
    query("ALTER INDEX dead_letter_open_job RENAME TO elsewhere")
    try:
        missing = breaches(Extent(), client_max=64)
    finally:
        query("ALTER INDEX elsewhere RENAME TO dead_letter_open_job")

    assert [(b.invariant, b.subject) for b in missing] == [(Invariant.KEYS_STAND, "dead_letter_open_job")]
    assert names() == set()


def overdue_job(client_id: str | None = None) -> UUID:
    job = dispatched(client_id=client_id)
    query("UPDATE background_job SET state = 'pending', run_at = now() - interval '5 minutes' WHERE id = %s", (job.id,))
    return job.id


def old_worker() -> None:
    query("UPDATE worker SET started_at = now() - interval '1 hour' WHERE id = %s", (registered().id,))


def test_job_due_for_long_with_a_worker_and_an_empty_queue_is_told() -> None:
    job_id = overdue_job()
    before = names()

    old_worker()

    assert before == set(), "without a worker its waiting is explained"
    assert [(b.invariant, b.subject) for b in breaches(Extent(), client_max=64)] == [
        (Invariant.DUE_IS_RELEASED, str(job_id))
    ]
    assert breaches(Extent(), client_max=64, redis_answers=False) == []


def test_job_due_for_long_is_explained_by_a_queue_with_released_jobs() -> None:
    overdue_job()
    old_worker()

    dispatched()

    assert names() == set()


def test_job_due_for_long_is_explained_by_a_client_at_its_cap() -> None:
    overdue_job("acme")
    old_worker()
    holder = registered()
    claimed(holder, dispatched(client_id="acme"))

    at_cap = breaches(Extent(), client_max=1)

    assert at_cap == []
    assert {b.invariant for b in breaches(Extent(), client_max=2)} == {Invariant.DUE_IS_RELEASED}


def test_check_reads_over_indexes_only(ledger_database: str) -> None:
    query("SET enable_seqscan = off")
    plans: dict[str, str] = {}

    for name, args in {
        "check_attempts": "20000, 50",
        "check_running": "50, 60, 600",
        "check_letters": "20000, 50",
        "check_effects": "20000, 50",
        "check_due": "60, 50, 64",
    }.items():
        breaches(Extent(), client_max=64)
        plans[name] = "\n".join(row[0] for row in query(f"EXPLAIN EXECUTE {name} ({args})"))
    query("RESET enable_seqscan")

    scanned = {name for name, plan in plans.items() if "Seq Scan on background" in plan or "Seq Scan on side" in plan}
    assert scanned == set(), "a sequential scan stands where no index serves"
