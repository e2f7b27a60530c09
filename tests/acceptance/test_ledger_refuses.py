"""A ledger that is there and cannot take anything (disk full, no connections, locks): as if it were away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import psycopg2
import pytest
from psycopg2 import sql

from actors.dispatch import Job, dispatch_many
from models.database import close_connection
from servers import embedded
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import always, until
from tests.acceptance.worker_processes import Workers

JOBS = 120


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


@pytest.fixture(scope="module")
def workers(stage: Stage, play: ModuleType) -> Workers:
    return stage.start("repertoire", processes=2, threads=2, settings={"LEASE_SECONDS": 3})


@contextmanager
def disk_full(stage: Stage, server_url: str) -> Iterator[None]:
    """Every write of a job answers SQLSTATE 53100, as a full disk does."""
    stage.rows(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    )
    stage.rows("CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON background_job EXECUTE FUNCTION refuse()")
    try:
        yield
    finally:
        stage.rows("DROP TRIGGER refuse ON background_job")


@contextmanager
def connections_refused(stage: Stage, server_url: str) -> Iterator[None]:
    """Nobody may connect, and who was connected no longer is."""
    name = stage.value("SELECT current_database()")
    other = psycopg2.connect(server_url)
    other.autocommit = True
    try:
        with other.cursor() as cursor:
            cursor.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
    finally:
        with other.cursor() as cursor:
            cursor.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
        other.close()
        close_connection()  # the test's own was ended with all the others


@contextmanager
def too_slow(stage: Stage, server_url: str) -> Iterator[None]:
    """Every write of a job waits, longer than its time-out allows."""
    name = stage.value("SELECT current_database()")
    base = server_url.rpartition("/")[0]
    other = psycopg2.connect(f"{base}/{name}?{server_url.partition('?')[2]}")
    try:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE background_job IN EXCLUSIVE MODE")
        yield
    finally:
        other.close()


@pytest.mark.parametrize("trouble", [disk_full, connections_refused, too_slow], ids=lambda one: one.__name__)
def test_nothing_starts_and_nothing_is_acked_and_all_is_done_afterwards(
    trouble: Callable[[Stage, str], Iterator[None]],
    stage: Stage,
    play: ModuleType,
    workers: Workers,
    servers: embedded.Servers,
) -> None:
    name = trouble.__name__
    waits = len(workers.lines("claim_waits")) + len(workers.lines("finish_waits"))
    jobs = [Job(play.step_on, (f"{name}-{n}", 30)) for n in range(JOBS)]
    ids = [one.job_id for one in dispatch_many(jobs)]
    until(lambda: len(ours(stage, name)) >= 20, "the middle of the run")

    with trouble(stage, servers.database_url):  # type: ignore[attr-defined]
        until(lambda: len(workers.lines("claim_waits")) + len(workers.lines("finish_waits")) > waits, "the waiting")
        until(lambda: workers.lines("finish_waits"), "the finishes waiting")
        settled = until(lambda: standing_still(stage), "all that had started coming to its end", 20)
        always(lambda: (len(stage.trace("stepping")), stage.in_redis()) == settled, "nothing moves", 1.0)
    stage.await_state(ids, "succeeded", within_s=30)

    assert Counter(ours(stage, name)) == Counter(f"{name}-{n}" for n in range(JOBS))
    assert stage.rows(
        "SELECT sum(attempts_spent), sum(crashes), sum(throttles) FROM background_job WHERE id = ANY (%s::uuid[])", ids
    ) == [(0, 0, 0)]
    assert stage.value("SELECT count(*) FROM dead_letter") == 0


def ours(stage: Stage, name: str) -> list[str]:
    return [line for line in stage.trace("stepped") if line.startswith(f"{name}-")]


def standing_still(stage: Stage) -> tuple[int, int] | None:
    """What has started and what Redis holds, once they are the same for half a second."""
    before = (len(stage.trace("stepping")), stage.in_redis())
    always(lambda: True, "half a second", 0.5)
    after = (len(stage.trace("stepping")), stage.in_redis())
    return after if before == after else None
