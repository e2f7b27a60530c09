"""Contradictory rows are impossible, whoever writes them: each constraint tried."""

from __future__ import annotations

import psycopg2
import psycopg2.errors
import pytest

from models.database import query
from models.ledger import effects
from models.ledger.finish import finish
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, registered, success

pytestmark = pytest.mark.usefixtures("ledger_database")

RUNNING = "state = 'running', worker_id = gen_random_uuid(), claim_id = gen_random_uuid()"
DEAD = "state = 'dead', holds_key = false, finished_at = now()"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("state = 'resting'", id="unknown state"),
        pytest.param("state = 'running'", id="running without a holder"),
        pytest.param("state = 'running', worker_id = gen_random_uuid()", id="running without a claim"),
        pytest.param("worker_id = gen_random_uuid()", id="a holder of what does not run"),
        pytest.param("claim_id = gen_random_uuid()", id="a claim on what does not run"),
        pytest.param("state = 'succeeded'", id="finished at no time"),
        pytest.param("finished_at = now()", id="waiting, yet finished"),
        pytest.param(f"{RUNNING}, finished_at = now()", id="running, yet finished"),
        pytest.param("release = 0", id="queued but never released"),
        pytest.param("released_at = NULL", id="queued at no time"),
        pytest.param("holds_key = false", id="live without its key"),
        pytest.param(f"{RUNNING}, holds_key = false", id="running without its key"),
        pytest.param("state = 'dead', finished_at = now()", id="dead with its key"),
        pytest.param("state = 'cancelled', finished_at = now()", id="cancelled with its key"),
        pytest.param("state = 'discarded', finished_at = now()", id="discarded with its key"),
        pytest.param("dispatch_key = ''", id="an empty key"),
        pytest.param("dispatch_key = repeat('x', 513)", id="a key too long"),
        pytest.param("fence = -1", id="a negative fence"),
        pytest.param("release = -1", id="a negative release"),
        pytest.param("attempts = -1", id="negative attempts"),
        pytest.param("attempts_spent = -1", id="negative spent attempts"),
        pytest.param("attempts_allowed = 0", id="no attempt allowed"),
        pytest.param("crashes = -1", id="negative crashes"),
        pytest.param("throttles = -1", id="negative throttles"),
        pytest.param("requeues = -1", id="negative requeues"),
        pytest.param("duplicates_suppressed = -1", id="negative duplicates"),
    ],
)
def test_contradictory_job_is_refused(change: str) -> None:
    dispatched()

    with pytest.raises(psycopg2.errors.CheckViolation):
        query(f"UPDATE background_job SET {change}")


def test_key_is_held_by_one_job_at_a_time() -> None:
    one = dispatched("k")
    other = dispatched("l")

    with pytest.raises(psycopg2.errors.UniqueViolation):
        query("UPDATE background_job SET dispatch_key = 'k' WHERE id = %s", (other.id,))
    query(f"UPDATE background_job SET {DEAD} WHERE id = %s", (one.id,))
    query("UPDATE background_job SET dispatch_key = 'k' WHERE id = %s", (other.id,))

    assert query("SELECT id FROM background_job WHERE dispatch_key = 'k' AND holds_key") == [(other.id,)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("status = 'RESTING'", id="unknown status"),
        pytest.param("status = 'SUCCEEDED'", id="closed at no time"),
        pytest.param("finished_at = now()", id="open, yet finished"),
        pytest.param("attempt = 0", id="no number"),
        pytest.param("duration_ms = -1", id="a negative duration"),
        pytest.param("run_id = gen_random_uuid()", id="another run than its job"),
        pytest.param("worker_id = NULL", id="nobody's"),
    ],
)
def test_contradictory_attempt_is_refused(change: str) -> None:
    claimed(registered())

    with pytest.raises(psycopg2.IntegrityError):
        query(f"UPDATE background_function_run SET {change}")


def test_attempt_is_written_once() -> None:
    claimed(registered())

    with pytest.raises(psycopg2.errors.UniqueViolation):
        query("INSERT INTO background_function_run SELECT * FROM background_function_run")


def test_attempt_of_a_month_without_a_partition_is_kept() -> None:
    claim = claimed(registered())

    query("UPDATE background_function_run SET claimed_at = '2031-05-05' WHERE id = %s", (claim.run_id,))

    assert query("SELECT tableoid::regclass::text FROM background_function_run") == [
        ("background_function_run_default",)
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("state = 'DOUBTFUL'", id="unknown state"),
        pytest.param("state = 'REFUSED', settled_at = now()", id="refused without a reason"),
        pytest.param("refusal = 'no'", id="a reason without a refusal"),
        pytest.param("state = 'CONFIRMED'", id="settled at no time"),
        pytest.param("settled_at = now()", id="open, yet settled"),
        pytest.param("effect_key = ''", id="an empty key"),
        pytest.param("intents = -1", id="negative intents"),
    ],
)
def test_contradictory_effect_is_refused(change: str) -> None:
    holder = registered()
    claim = claimed(holder)
    effects.intend(
        effects.Intent("e", "mail", claim.job_id, "run", claim.fence, holder.id, None), seen=None, guard=None
    )

    with pytest.raises(psycopg2.errors.CheckViolation):
        query(f"UPDATE side_effect SET {change}")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("reason = 'whim'", id="unknown reason"),
        pytest.param("resolution = 'LOST'", id="unknown resolution"),
        pytest.param("resolution = 'REQUEUED'", id="resolved at no time"),
        pytest.param("resolved_at = now()", id="open, yet resolved"),
        pytest.param("resolution = 'DISCARDED', resolved_at = now()", id="discarded without a reason"),
        pytest.param("payload = NULL", id="a letter of nothing"),
    ],
)
def test_contradictory_letter_is_refused(change: str) -> None:
    holder = registered()
    finish(holder.id, [death(claimed(holder))], dedupe_s=DEDUPE_S)

    with pytest.raises(psycopg2.errors.CheckViolation):
        query(f"UPDATE dead_letter SET {change}")


def test_job_has_one_open_letter() -> None:
    holder = registered()
    finish(holder.id, [death(claimed(holder))], dedupe_s=DEDUPE_S)

    with pytest.raises(psycopg2.errors.UniqueViolation):
        query(
            "INSERT INTO dead_letter (id, job_id, queue, payload, reason)"
            " SELECT gen_random_uuid(), job_id, queue, payload, reason FROM dead_letter"
        )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE operator_action SET result = 'another'",
        "DELETE FROM operator_action",
        "TRUNCATE operator_action",
    ],
)
def test_operators_log_is_append_only(change: str) -> None:
    query("INSERT INTO operator_action (operator, verb, target, result) VALUES ('o', 'requeue', 't', 'done')")

    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(change)

    assert query("SELECT result FROM operator_action") == [("done",)]


def test_succeeded_job_may_hold_its_key_or_have_let_it_go() -> None:
    holder, job = registered(), dispatched("k")
    finish(holder.id, [success(claimed(holder, job))], dedupe_s=DEDUPE_S)

    query("UPDATE background_job SET holds_key = false")

    assert query("SELECT holds_key FROM background_job") == [(False,)]
