"""Redis killed for three windows: first without, then with the inline emergency. Every job runs once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from servers import embedded
from tests.acceptance.stage import PLAYS, Stage, fresh_stage
from tests.acceptance.waiting import until

#: Windows of this length, in s; a tick is told how many of them the database's clock is ahead.
WINDOW_S = 15


@pytest.fixture
def stage(breakable: embedded.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    shutil.copy(PLAYS / "ticking.py", folder / "ticking.py")
    with fresh_stage(folder, breakable.database_url, breakable.redis_url, DISPATCH_WINDOW_SECONDS=WINDOW_S) as stage:
        yield stage


@pytest.fixture
def redis_away(stage: Stage, breakable: embedded.Servers) -> Iterator[None]:
    breakable.valkey.stop("kill")
    yield
    breakable.valkey.start()


def tick(stage: Stage, window: int, **settings: object) -> tuple[int, dict[str, Any]]:
    """A tick in the `window`th window from now: exit code and answer."""
    run = stage.run([str(stage.folder / "ticking.py"), "--database-ahead-s", str(window * WINDOW_S)], settings)
    code = run.wait(60)
    return code, next(line for line in run.lines() if "mode" in line and "window_start" in line)


def statuses(stage: Stage) -> list[str]:
    return [row[0] for row in stage.rows("SELECT status FROM background_dispatch_window ORDER BY window_start")]


def jobs(stage: Stage) -> dict[tuple[str, int], int]:
    """How many jobs by state and number of attempts."""
    return dict(Counter(stage.rows("SELECT state, attempts FROM background_job")))


def test_windows_without_redis_fail_and_are_enqueued_by_the_relay_alone(
    stage: Stage, breakable: embedded.Servers
) -> None:
    breakable.valkey.stop("kill")
    try:
        ticks = [tick(stage, window) for window in (0, 1, 2)]
        while_away = statuses(stage), jobs(stage)
    finally:
        breakable.valkey.start()
    stage.run(["-m", "dramatiq", "-p", "1", "-t", "4", "actors.broker:setup"]).ready()

    until(lambda: jobs(stage) == {("succeeded", 1): 6}, "all six jobs, once")

    assert [(code, answer["mode"]) for code, answer in ticks] == [(1, "enqueue_failed")] * 3
    assert all(answer["error"] for _, answer in ticks)
    assert while_away == (["ENQUEUE_FAILED"] * 3, {("pending", 0): 6})
    until(lambda: statuses(stage) == ["ENQUEUED"] * 3, "the windows' outcome")


def test_emergency_runs_what_earlier_windows_left_and_then_its_own(
    stage: Stage, breakable: embedded.Servers, redis_away: None
) -> None:
    failed = [tick(stage, window)[0] for window in (0, 1, 2)]

    ticks = [tick(stage, window, INLINE_EMERGENCY="on") for window in (3, 4, 5)]

    assert failed == [1, 1, 1]
    assert [(code, answer["mode"]) for code, answer in ticks] == [(0, "inline_emergency")] * 3
    assert [answer["inline"] for _, answer in ticks] == [{"succeeded": 8}, {"succeeded": 2}, {"succeeded": 2}]
    assert statuses(stage) == ["INLINE_EMERGENCY"] * 6
    assert jobs(stage) == {("succeeded", 1): 12}
    assert stage.rows("SELECT DISTINCT stopped_at IS NOT NULL FROM worker") == [(True,)]
