"""What a statement over a batch costs is up to the batch, not to what else waits, whatever PostgreSQL believes.

Plans are made when the ledger is new or quiet, and used when a backlog has come: statistics are made anew a minute
later at the earliest, on a large ledger after its tenth part has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.database import query, statement, undone
from tests.plan_cases import rows_handled

BACKLOG, BATCH = 2_000, 100
#: Rows that a statement may handle for each of its batch: each of its dozen steps looks at one a few times.
A_FEW = 40

_JOBS = (
    "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, state, run_at, release,"
    " released_at, fence, attempts, claim_id, worker_id, correlation_id, requested_at, finished_at)"
    " SELECT id, id::text, now(), 'actor', 'default', '', state, now(), 1, now(), 1, 1, holder, holder, id::text,"
    " now(), CASE WHEN state = 'succeeded' THEN now() END"
    " FROM (SELECT gen_random_uuid() AS id, state, CASE WHEN state = 'running' THEN worker END AS holder"
    " FROM generate_series(1, %s), (SELECT %s::text AS state, %s::uuid AS worker) AS said) AS made"
)
_ATTEMPTS = (
    "INSERT INTO background_function_run (run_key, job_id, run_id, function_name, status, attempt, fence, dispatch_key,"
    " correlation_id, requested_at, claimed_at, finished_at, worker_id, host, pid, code_version)"
    " SELECT 'actor:' || id || ':1', id, id, 'actor', CASE WHEN state = 'running' THEN 'RUNNING' ELSE 'SUCCEEDED' END,"
    " 1, 1, dispatch_key, correlation_id, now(), now(), finished_at, %s::uuid, 'host', 1, 'code'"
    " FROM background_job WHERE state = %s"
)


class Ledger:
    """One on which statements have been planned before its backlog came."""

    def __init__(self) -> None:
        self.worker = uuid4()
        query(
            "INSERT INTO worker (id, host, pid, code_version, queues, threads) VALUES (%s, 'host', 1, 'code', '{}', 8)",
            (self.worker,),
        )

    def fill(self, state: str, jobs: int) -> None:
        """So many jobs in that state, with an attempt each where they have been claimed."""
        query(_JOBS, (jobs, state, self.worker))
        if state in ("running", "succeeded"):
            query(_ATTEMPTS, (self.worker, state))

    def some(self, columns: str, state: str) -> list[Any]:
        """Columns of a batch of jobs in that state, a list each."""
        rows = query(
            f"SELECT {columns} FROM background_job AS job"
            " LEFT JOIN background_function_run AS run ON run.job_id = job.id WHERE state = %s"
            " ORDER BY md5(job.id::text) LIMIT %s",
            (state, BATCH),
        )
        return [list(column) for column in zip(*rows, strict=True)]


@pytest.fixture(params=["new", "quiet"])
def ledger(request: pytest.FixtureRequest, ledger_database: str) -> Iterator[Ledger]:
    """New: no statistics yet. Quiet: they were made while everything was done."""
    ledger = Ledger()
    if request.param == "quiet":
        ledger.fill("succeeded", 4 * BACKLOG)
        query("ANALYZE background_job, background_function_run")
    yield ledger
    query("TRUNCATE background_job, background_function_run, worker CASCADE")
    query("ANALYZE background_job, background_function_run")


Arguments = tuple[object, ...]


def releasing(ledger: Ledger) -> Arguments:
    return ("default", BATCH, None, 8_388_608)


def taking_back(ledger: Ledger) -> Arguments:
    (ids,) = ledger.some("job.id", "queued")
    return (ids, [1] * BATCH)


def claiming(ledger: Ledger) -> Arguments:
    (ids,) = ledger.some("job.id", "queued")
    texts, numbers = ["x"] * BATCH, [1] * BATCH
    moment = query("SELECT now()")[0][0]
    return (
        *(ledger.worker, uuid4(), "host", 1, "code", ids, numbers, texts, texts, texts, [b"x"] * BATCH, texts, numbers),
        *(texts, texts, texts, [moment] * BATCH, 60, texts),
    )


def finishing(ledger: Ledger) -> Arguments:
    ids, run_ids, claimed_at = ledger.some("job.id, run.id, run.claimed_at", "running")
    times: list[datetime] = claimed_at
    done = (["SUCCEEDED"] * BATCH, ["succeeded"] * BATCH, [0.1] * BATCH, [0.1] * BATCH)
    return (ledger.worker, ids, [1] * BATCH, run_ids, times, *done, *([] for _ in range(15)))


def giving_back(ledger: Ledger) -> Arguments:
    (ids,) = ledger.some("job.id", "running")
    return (ledger.worker, ids, [1] * BATCH, 0.0)


#: Statement, the state of the backlog, the state that it moves a batch to, its arguments.
CASES: tuple[tuple[str, str, str, Callable[[Ledger], Arguments]], ...] = (
    ("release_due", "pending", "queued", releasing),
    ("take_back_releases", "queued", "pending", taking_back),
    ("claim_jobs", "queued", "running", claiming),
    ("finish_jobs", "running", "succeeded", finishing),
    ("give_back_jobs", "running", "pending", giving_back),
)


@pytest.mark.parametrize(("name", "state", "moves_to", "arguments"), CASES, ids=[name for name, *_ in CASES])
def test_a_batch_costs_the_same_before_a_backlog(
    ledger: Ledger, name: str, state: str, moves_to: str, arguments: Callable[[Ledger], Arguments]
) -> None:
    query(f"PREPARE planned AS {statement(name)}")
    marks = ", ".join(["%s"] * len(arguments_of_nobody(name)))
    query(f"EXPLAIN EXECUTE planned ({marks})", arguments_of_nobody(name))
    ledger.fill(state, BACKLOG)
    batch = arguments(ledger)

    with undone():
        ((plans,),) = query(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE planned ({marks})", batch)
        moved = query("SELECT count(*) FROM background_job WHERE state = %s", (moves_to,))[0][0]

    assert moved % (4 * BACKLOG) == BATCH
    assert rows_handled(plans[0]["Plan"]) < A_FEW * BATCH


def arguments_of_nobody(name: str) -> Arguments:
    """Of the right number and kind, for planning: no job is meant by them."""
    nobody: dict[str, Arguments] = {
        "release_due": ("nowhere", 0, None, 8_388_608),
        "take_back_releases": ([], []),
        "claim_jobs": (UUID(int=0), UUID(int=0), "host", 1, "code", *([] for _ in range(12)), 60, []),
        "finish_jobs": (UUID(int=0), *([] for _ in range(23))),
        "give_back_jobs": (UUID(int=0), [], [], 0.0),
    }
    return nobody[name]


@pytest.mark.parametrize("later", ["0 s", "1 hour"], ids=["a backlog", "jobs for later"])
def test_relay_learns_what_is_due_from_one_job_a_client(ledger: Ledger, later: str) -> None:
    query(f"PREPARE planned AS {statement('queues_due')}")
    query("EXPLAIN EXECUTE planned (%s)", (["default"],))
    ledger.fill("pending", BACKLOG)
    query("UPDATE background_job SET run_at = now() + %s::interval WHERE state = 'pending'", (later,))

    ((plans,),) = query("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE planned (%s)", (["default"],))

    assert query("EXECUTE planned (%s)", (["default"],)) == ([("default",)] if later == "0 s" else [])
    assert rows_handled(plans[0]["Plan"]) < A_FEW
