"""Redis killed, or emptied, in mid-run: everything that was dispatched is done, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import ModuleType

import pytest

from actors.dispatch import Dispatched, Job, dispatch, dispatch_many
from servers import embedded
from tests.acceptance.stage import Stage, fresh_stage
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers


@pytest.fixture(scope="module")
def stage(breakable: embedded.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with fresh_stage(folder, breakable.database_url, breakable.redis_url) as stage:
        yield stage


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


@pytest.fixture(scope="module")
def workers(stage: Stage, play: ModuleType) -> Workers:
    return stage.start("repertoire", processes=2, threads=2)


def test_flushed_redis_loses_nothing_that_was_dispatched(stage: Stage, play: ModuleType, workers: Workers) -> None:
    ids = [one.job_id for one in dispatch_many([Job(play.step_on, (f"flush-{n}", 20)) for n in range(300)])]
    until(lambda: _stepped(stage, "flush-") >= 40, "the middle of the run")

    stage.redis.flushall()
    stage.await_state(ids, "succeeded")

    assert Counter(n for n in stage.trace("stepped") if n.startswith("flush-")) == Counter(
        f"flush-{n}" for n in range(300)
    )
    _all_in_one_attempt(stage, ids)


def test_killed_redis_loses_nothing_that_was_dispatched_also_while_it_was_away(
    stage: Stage, play: ModuleType, workers: Workers, breakable: embedded.Servers
) -> None:
    ids = [one.job_id for one in dispatch_many([Job(play.step_on, (f"kill-{n}", 20)) for n in range(300)])]
    until(lambda: _stepped(stage, "kill-") >= 40, "the middle of the run")

    breakable.valkey.stop("kill")
    try:
        without = [dispatch(play.step_on, f"kill-away-{n}", 5) for n in range(5)]
        enqueued = [one.enqueued for one in without if isinstance(one, Dispatched)]
        until(lambda: workers.lines("ack_waits") or workers.lines("relay_step_failed"), "the workers noticing")
    finally:
        breakable.valkey.start()
    stage.await_state([*ids, *(one.job_id for one in without)], "succeeded")

    assert enqueued == [False] * 5
    wanted = Counter([f"kill-{n}" for n in range(300)] + [f"kill-away-{n}" for n in range(5)])
    assert Counter(n for n in stage.trace("stepped") if n.startswith("kill-")) == wanted
    _all_in_one_attempt(stage, ids)
    assert stage.value("SELECT count(*) FROM worker WHERE lost_at IS NOT NULL") == 0


def test_all_copies_are_settled_and_the_worker_stops_in_order_afterwards(stage: Stage, workers: Workers) -> None:
    until(lambda: stage.in_redis() == 0, "no copy left")

    code = workers.stop()

    assert code == 0
    assert stage.value("SELECT count(*) FROM background_job WHERE state <> 'succeeded'") == 0


def _stepped(stage: Stage, prefix: str) -> int:
    return sum(name.startswith(prefix) for name in stage.trace("stepped"))


def _all_in_one_attempt(stage: Stage, ids: list[str]) -> None:
    """Nothing was spent, and no execution but the one that succeeded had begun."""
    rows = stage.rows(
        "SELECT run.status, sum(job.attempts_spent)::int FROM background_function_run AS run"
        " JOIN background_job AS job ON job.id = run.job_id WHERE job.id = ANY (%s::uuid[]) GROUP BY 1",
        ids,
    )
    assert ("SUCCEEDED", 0) in rows
    assert {status for status, _ in rows} <= {"SUCCEEDED", "CANCELLED"}
