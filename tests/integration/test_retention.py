"""Retention takes what is finished and old, and nothing that somebody may still need."""

from __future__ import annotations

from datetime import timedelta

import psycopg2
import pytest

from models.database import query
from models.ledger.finish import finish
from models.ledger.letters import Operator, discard_letter, record_action
from models.ledger.maintenance import let_go_expired_keys, make_partitions_ahead
from models.ledger.retention import prunable, prune
from models.readings.health import attempt_partitions
from models.readings.paging import database_now
from policy.partitions import partition_name
from tests.ledger_cases import claimed, death, dispatched, job_row, registered, success

pytestmark = pytest.mark.usefixtures("ledger_database")

DAYS = 30


def finished_job(age_days: float, key: str | None = None, *, dedupe_s: float = 1) -> object:
    """A succeeded job of that age; gives its id."""
    worker = registered()
    job = dispatched(key, dedupe_s=dedupe_s)
    finish(worker.id, [success(claimed(worker, job))], dedupe_s=60)
    query(
        "UPDATE background_job SET finished_at = finished_at - make_interval(secs => %s),"
        " key_expires_at = key_expires_at - make_interval(secs => %s) WHERE id = %s",
        (age_days * 86_400, age_days * 86_400, job.id),
    )
    return job.id


def there(table: str = "background_job") -> int:
    count: int = query(f"SELECT count(*) FROM {table}")[0][0]
    return count


def test_old_finished_job_goes_with_its_attempts_and_a_young_one_stays() -> None:
    finished_job(31)
    young = finished_job(29)

    gone = prune(DAYS)

    assert gone["jobs"] == 1
    assert query("SELECT id FROM background_job") == [(young,)]
    assert query("SELECT job_id FROM background_function_run") == [(young,)]


def test_dry_run_counts_what_would_go_and_changes_nothing() -> None:
    finished_job(31)

    counts = prunable(DAYS)

    assert counts["jobs"] == 1
    assert there() == 1


def test_key_whose_period_still_runs_keeps_its_job() -> None:
    finished_job(31, "monthly", dedupe_s=40 * 86_400)

    gone = prune(DAYS)

    assert gone["jobs"] == 0
    assert job_row(query("SELECT id FROM background_job")[0][0], "holds_key") == (True,)


def test_job_of_an_open_letter_stays_until_it_is_resolved() -> None:
    worker = registered()
    job = dispatched()
    finish(worker.id, [death(claimed(worker, job))], dedupe_s=60)
    query("UPDATE background_job SET finished_at = finished_at - interval '31 days'")
    before = prune(DAYS)["jobs"]
    (letter,) = query("SELECT id FROM dead_letter")[0]
    discard_letter(letter, Operator("me", "no use"))
    query("UPDATE dead_letter SET resolved_at = resolved_at - interval '31 days'")

    gone = prune(DAYS)

    assert before == 0
    assert (gone["jobs"], gone["dead_letters"]) == (1, 1)


def test_effects_outlive_their_jobs() -> None:
    job_id = finished_job(31)
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, settled_at)"
        " VALUES ('reply:1:1', 'email', %s, 'r', 1, 'CONFIRMED', now())",
        (job_id,),
    )

    prune(DAYS)

    assert there() == 0
    assert there("side_effect") == 1


def test_effect_that_nobody_has_settled_keeps_its_job() -> None:
    job_id = finished_job(31)
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, settled_at)"
        " VALUES ('reply:1:1', 'email', %s, 'r', 1, 'UNKNOWN', now())",
        (job_id,),
    )

    assert prune(DAYS)["jobs"] == 0


def test_ended_workers_go_and_living_ones_stay() -> None:
    alive, ended = registered(), registered()
    query("UPDATE worker SET stopped_at = now() - interval '31 days' WHERE id = %s", (ended.id,))

    gone = prune(DAYS)

    assert gone["workers"] == 1
    assert query("SELECT id FROM worker") == [(alive.id,)]


def test_operators_log_is_pruned_by_age_alone_and_refuses_everybody_else() -> None:
    record_action(Operator("me"), "discard", "young", "done")
    record_action(Operator("me"), "discard", "old", "done")
    query("ALTER TABLE operator_action DISABLE TRIGGER USER")
    query("UPDATE operator_action SET at = at - interval '31 days' WHERE target = 'old'")
    query("ALTER TABLE operator_action ENABLE TRIGGER USER")

    gone = prune(1)

    assert gone["operator_actions"] == 1
    assert query("SELECT target FROM operator_action") == [("young",)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query("DELETE FROM operator_action")


def test_months_of_attempts_that_ended_before_retention_are_dropped() -> None:
    old = database_now() - timedelta(days=100)
    query("SELECT make_attempt_partition(%s)", (old,))

    gone = prune(DAYS)

    assert gone["partitions"] == 1
    assert partition_name(old) not in attempt_partitions()


def test_month_in_which_something_still_runs_is_not_dropped() -> None:
    old = database_now() - timedelta(days=100)
    query("SELECT make_attempt_partition(%s)", (old,))
    claimed(registered())
    query("UPDATE background_function_run SET claimed_at = %s", (old,))

    gone = prune(DAYS)

    assert gone["partitions"] == 0
    assert partition_name(old) in attempt_partitions()
    query("DELETE FROM background_function_run")
    prune(DAYS)


def test_partitions_are_made_ahead_once() -> None:
    newest = attempt_partitions()[-1]
    query(f"DROP TABLE {newest}")

    first, second = make_partitions_ahead(), make_partitions_ahead()

    assert first == ([newest], [])
    assert second == ([], [])


def test_month_whose_attempts_lie_in_the_default_partition_is_reported() -> None:
    newest = attempt_partitions()[-1]
    month = f"{newest[-7:-3]}-{newest[-2:]}-15"
    claimed(registered())
    query(f"DROP TABLE {newest}")
    query("UPDATE background_function_run SET claimed_at = %s", (month,))

    made, late = make_partitions_ahead()

    assert (made, late) == ([], [newest])
    query("DELETE FROM background_function_run")
    make_partitions_ahead()


def test_named_keys_are_let_go_after_their_period_and_own_ids_are_not_touched() -> None:
    named, other, own = finished_job(1, "named"), finished_job(0, "later", dedupe_s=60), finished_job(1)

    count = let_go_expired_keys()

    held = {row[0]: row[1] for row in query("SELECT id, holds_key FROM background_job")}
    assert count == 1
    assert held == {named: False, other: True, own: True}
