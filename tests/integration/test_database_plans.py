"""The hot statements find their rows by an index, however many jobs and attempts there are, under any kind of plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

import pytest

from models import database as db
from models.arrays import array_literal
from models.database import query, statement

pytestmark = pytest.mark.usefixtures("ledger_database")

JOBS = 100_000
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
IDS = [uuid4() for _ in range(64)]
MANY = [None] * len(IDS)
TEXTS = ["x"] * len(IDS)
NUMBERS = [1] * len(IDS)
TIMES = [NOW] * len(IDS)
SPANS = [1.0] * len(IDS)

#: Every statement that runs for each batch, beat or pass of a relay, with arguments of a full batch.
HOT: dict[str, tuple[Any, ...]] = {
    "dispatch_jobs": (
        *(IDS, TEXTS, TEXTS, TEXTS, [b"x"] * len(IDS), TEXTS, TEXTS, TEXTS),
        *(TIMES, SPANS, NUMBERS, TEXTS, TEXTS, TEXTS, TEXTS, 60, False, 64),
    ),
    "dispatch_job": (
        array_literal([uuid4(), "x", "x", "x", b"x", "x", "x", "x", NOW, 1.0, 1, "x", "x", "x", "x", 60, False, 64]),
    ),
    "key_holders": (TEXTS, IDS),
    "let_go_keys": (TEXTS,),
    "count_duplicates": (IDS, NUMBERS),
    "claim_jobs": (
        *(uuid4(), uuid4(), "host", 1, "code", IDS, NUMBERS, TEXTS, TEXTS, TEXTS, [b"x"] * len(IDS)),
        *(TEXTS, NUMBERS, TEXTS, TEXTS, TEXTS, TIMES, 60, TEXTS),
    ),
    "claims_held": (uuid4(), uuid4(), IDS),
    "jobs_seen": (IDS,),
    "finish_jobs": (
        *(uuid4(), IDS, NUMBERS, NUMBERS, TIMES, TEXTS, TEXTS, SPANS, SPANS, IDS, TEXTS),
        *(IDS, TIMES, SPANS, [True] * 64, [True] * 64, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS),
    ),
    "finishes_seen": (NUMBERS, NOW),
    "store_late_finishes": (NUMBERS, TIMES, TEXTS),
    "uncount_crashes": (NUMBERS, TIMES),
    "give_back_jobs": (uuid4(), IDS, NUMBERS, 0.0),
    "mark_started": (NUMBERS, TIMES, SPANS),
    "queues_due": (["default", "mail"],),
    "release_due": ("default", 64, 64, 8_388_608),
    "take_back_releases": (IDS, NUMBERS),
    "releases_unclaimed": (15.0, NOW, 500, 600.0),
    "recover_lost_jobs": (IDS, IDS, [uuid4()], 500, 3),
    "requeue_jobs": (IDS, [b"{}"] * 64, 60),
    "discard_jobs": (IDS,),
    "lock_letters_jobs": (IDS,),
    "letter_facts": (IDS,),
}


@pytest.fixture(scope="module")
def full_ledger(database_url: str) -> Iterator[str]:
    """A hundred thousand jobs with an attempt each, most of them over; gives the database's URL."""
    db.connect(database_url)
    query("SET statement_timeout = 0")
    query("SET synchronous_commit = off")
    query(
        "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, client_id, state, run_at,"
        " release, released_at, fence, attempts, claim_id, worker_id, correlation_id, requested_at, finished_at,"
        " holds_key)"
        " SELECT id, id::text, now(), 'actor', 'default', '', 'client-' || n %% 50, state, now() - n * interval '1 s',"
        " 1, now(), 1, 1, CASE WHEN state = 'running' THEN gen_random_uuid() END,"
        " CASE WHEN state = 'running' THEN md5((n %% 20)::text)::uuid END, id::text, now(),"
        " CASE WHEN state IN ('succeeded', 'dead') THEN now() END, state <> 'dead'"
        " FROM (SELECT n, gen_random_uuid() AS id, CASE WHEN n %% 20 = 0 THEN 'pending' WHEN n %% 20 = 1 THEN 'queued'"
        " WHEN n %% 40 = 2 THEN 'running' WHEN n %% 40 = 3 THEN 'dead' ELSE 'succeeded' END AS state"
        " FROM generate_series(1, %s) AS n) AS made",
        (JOBS,),
    )
    query(
        "INSERT INTO background_function_run (run_key, job_id, run_id, function_name, status, attempt, fence,"
        " dispatch_key,"
        " correlation_id, requested_at, claimed_at, finished_at, worker_id, host, pid, code_version)"
        " SELECT 'actor:' || id || ':1', id, id, 'actor',"
        " CASE WHEN state = 'running' THEN 'RUNNING' ELSE 'SUCCEEDED' END,"
        " 1, 1, dispatch_key, correlation_id, now(), now(), CASE WHEN state <> 'running' THEN now() END,"
        " gen_random_uuid(), 'host', 1, 'code' FROM background_job"
    )
    query("ANALYZE")
    yield database_url
    query("TRUNCATE background_job, background_function_run")
    query("ANALYZE")
    db.close_connection()


@pytest.fixture(autouse=True)
def ledger_database(full_ledger: str) -> Iterator[str]:
    """In place of the emptied database of other tests."""
    db.connect(full_ledger)
    yield full_ledger
    db.close_connection()


def scans(plan: dict[str, Any]) -> Iterator[str]:
    """Tables that a plan reads from end to end."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for below in plan.get("Plans", []):
        yield from scans(below)


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name", HOT)
def test_hot_statement_reads_no_table_of_jobs_or_attempts_from_end_to_end(name: str, mode: str) -> None:
    query(f"SET plan_cache_mode = {mode}")
    query(f"PREPARE {name} AS {statement(name)}")
    marks = ", ".join(["%s"] * len(HOT[name]))

    ((plans,),) = query(f"EXPLAIN (FORMAT JSON) EXECUTE {name} ({marks})", HOT[name])

    large = {table for table in scans(plans[0]["Plan"]) if table.startswith(("background_job", "background_function"))}
    # Partitions of other months are empty: reading them costs nothing, and PostgreSQL knows it.
    (full,) = query("SELECT tableoid::regclass::text FROM background_function_run LIMIT 1")[0]
    assert large & {"background_job", full} == set()


def test_table_that_is_read_from_end_to_end_would_be_seen() -> None:
    ((plans,),) = query("EXPLAIN (FORMAT JSON) SELECT count(*) FROM background_job WHERE last_error = 'x'")

    assert set(scans(plans[0]["Plan"])) == {"background_job"}
