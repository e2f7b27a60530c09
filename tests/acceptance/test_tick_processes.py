"""Ticks as real processes: many at once, killed in the middle, signalled, with servers away."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from actors.dispatch import Job, dispatch_many
from middleware import configuration
from tests.acceptance.stage import PLAYS, Stage
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
def program(stage: Stage) -> str:
    """The path of the ticking program, beside the actors."""
    path = stage.folder / "ticking.py"
    shutil.copy(PLAYS / "ticking.py", path)
    return str(path)


@pytest.fixture(autouse=True)
def clean(stage: Stage) -> None:
    stage.end_all()
    stage.redis.flushall()
    stage.rows("TRUNCATE background_dispatch_window, background_job, background_function_run, function_slot, worker")


def answers(run: Workers) -> list[dict[str, Any]]:
    """What the ticks of that run have printed."""
    return [line for line in run.lines() if "mode" in line and "window_start" in line]


def tick(stage: Stage, program: str, *options: str, **settings: object) -> tuple[int, dict[str, Any]]:
    """One tick in a process of its own, with windows of an hour: exit code and answer ({} when it gave none)."""
    run = stage.run([program, *options], {"DISPATCH_WINDOW_SECONDS": 3600, **settings})
    code = run.wait(60)
    return code, (answers(run) or [{}])[-1]


def outcome(stage: Stage) -> dict[tuple[str, int, str], int]:
    """How many jobs there are by state, attempts and function."""
    rows = stage.rows("SELECT state, attempts, actor FROM background_job")
    return dict(Counter(rows))


DONE_ONCE = {("succeeded", 1, "process_background_jobs"): 1, ("succeeded", 1, "background_maintenance"): 1}


def test_fifty_ticks_at_once_make_one_window_and_two_jobs(stage: Stage, program: str) -> None:
    run = stage.run([program, "--many", "50"], {"DISPATCH_WINDOW_SECONDS": 3600})

    code = run.wait(120)

    modes = Counter(one["mode"] for one in answers(run))
    assert code == 0
    assert modes == {"enqueued": 1, "duplicate_suppressed": 49}
    assert stage.rows("SELECT status FROM background_dispatch_window") == [("ENQUEUED",)]
    assert stage.value("SELECT count(*) FROM background_job") == 2
    assert stage.in_redis() == 2


@pytest.mark.parametrize(
    ("point", "row", "mode"),
    [
        ("written", None, "enqueued"),
        ("committed", "DISPATCHING", "enqueued"),
        ("pushed", "DISPATCHING", "enqueued"),
        ("closed", "ENQUEUED", "duplicate_suppressed"),
    ],
)
def test_window_of_a_killed_tick_is_completed_by_the_next_and_runs_once(
    stage: Stage, program: str, point: str, row: str | None, mode: str
) -> None:
    code, _ = tick(stage, program, "--die-when", point)
    left = stage.value("SELECT status FROM background_dispatch_window")
    stage.rows("UPDATE background_dispatch_window SET updated_at = updated_at - interval '16 s'")
    second_code, second = tick(stage, program)
    workers = stage.run(["-m", "dramatiq", "-p", "1", "-t", "4", "actors.broker:setup"]).ready()

    until(lambda: outcome(stage) == DONE_ONCE, "both jobs, once")

    assert code == -signal.SIGKILL
    assert left == row
    assert (second_code, second["mode"]) == (0, mode)
    assert stage.rows("SELECT status FROM background_dispatch_window") == [("ENQUEUED",)]
    until(lambda: stage.in_redis() == 0, "no copy left over")
    assert workers.stop() == 0


def test_jobs_of_a_tick_killed_inline_are_recovered_and_done(stage: Stage, program: str) -> None:
    quick = {"HEARTBEAT_SECONDS": "0.2", "LEASE_SECONDS": "1", "INLINE_EMERGENCY": "on"}
    code, _ = tick(stage, program, "--die-when", "claimed", REDIS_URL=NOWHERE, **quick)
    stage.run(["-m", "dramatiq", "-p", "1", "-t", "4", "actors.broker:setup"], quick).ready()

    until(lambda: not {state for state, _, _ in outcome(stage)} - {"succeeded"}, "both jobs", 20)

    attempts = stage.rows("SELECT function_name, status FROM background_function_run ORDER BY 1, attempt")
    assert code == -signal.SIGKILL
    assert attempts == [
        ("background_maintenance", "SUCCEEDED"),
        ("process_background_jobs", "LOST"),
        ("process_background_jobs", "SUCCEEDED"),
    ]
    assert stage.rows("SELECT status FROM background_dispatch_window") == [("INLINE_EMERGENCY",)]


def test_copy_of_a_job_that_a_tick_ran_itself_comes_too_late(stage: Stage, program: str) -> None:
    tick(stage, program)
    stage.rows("UPDATE background_dispatch_window SET updated_at = updated_at - interval '3 hours'")
    code, second = tick(stage, program, INLINE_EMERGENCY="on")
    copies = stage.in_redis()
    stage.run(["-m", "dramatiq", "-p", "1", "-t", "4", "actors.broker:setup"]).ready()

    until(lambda: stage.in_redis() == 0, "the copies being refused")

    assert (code, second["mode"], second["inline"]) == (0, "duplicate_suppressed", {"succeeded": 2})
    assert copies == 2
    assert outcome(stage) == DONE_ONCE
    assert stage.rows("SELECT status FROM background_dispatch_window") == [("INLINE_EMERGENCY",)]


def test_two_schedulers_with_clocks_two_minutes_apart_dispatch_each_window_once(stage: Stage, program: str) -> None:
    loops = [
        stage.run([program, "--own-clock-ahead-s", ahead, "--", "--every", "0.2"], {"DISPATCH_WINDOW_SECONDS": 15})
        for ahead in ("-60", "60")
    ]
    until(lambda: all(len(answers(loop)) >= 5 for loop in loops), "five ticks of both", 30)
    for loop in loops:
        loop.terminate()

    codes = [loop.wait() for loop in loops]

    modes = Counter(answer["mode"] for loop in loops for answer in answers(loop))
    windows = stage.rows(
        "SELECT missed_before, window_start <= created_at AND created_at < window_start + interval '16 s'"
        " FROM background_dispatch_window"
    )
    assert codes == [0, 0]
    assert modes["enqueued"] == len(windows)
    assert set(windows) == {(0, True)}
    assert stage.value("SELECT count(*) FROM background_job") == 2 * len(windows)


def test_scheduler_waits_for_postgresql_and_ends_in_good_order(stage: Stage, program: str) -> None:
    loop = stage.run([program, "--", "--every", "0.2"], {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    until(lambda: loop.text.count("cannot reach PostgreSQL") >= 2, "two complaints")
    loop.terminate()

    code = loop.wait()

    assert code == 0
    assert "Traceback" not in loop.text


def test_tick_without_postgresql_says_so_in_one_line(stage: Stage) -> None:
    run = stage.command("tick", settings={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})

    code = run.wait()

    assert code == 1
    assert len(run.text.splitlines()) == 1
    assert run.text.startswith("callboard: cannot reach PostgreSQL")


def test_tick_without_postgresql_answers_with_one_object_all_the_same(stage: Stage, program: str) -> None:
    code, whole = tick(stage, program)
    failed_code, failed = tick(stage, program, DATABASE_URL="postgresql://nobody:s3cret@127.0.0.1:1/none")

    known = {"dispatch_key", "source", "window_start", "window_seconds", "process_dispatch_id"}
    known |= {"maintenance_dispatch_id"}
    assert (code, failed_code) == (0, 1)
    assert failed["mode"] == "enqueue_failed"
    assert failed["error"].startswith("cannot reach PostgreSQL")
    assert "s3cret" not in failed["error"]
    assert (failed["existing"], failed["status"]) == (None, None)
    assert list(failed) == list(whole)
    assert {name: failed[name] for name in known} == {name: whole[name] for name in known}


def test_client_at_its_cap_gets_its_next_jobs_as_soon_as_others_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    play: ModuleType = stage.bring("repertoire")
    monkeypatch.setenv("CALLBOARD_CLIENT_RUNNING_MAX", "2")
    configuration.settings_in_force.cache_clear()
    stage.start("repertoire", threads=4, settings={"CLIENT_RUNNING_MAX": 2, "RELAY_SECONDS": 5})
    ids = [
        answer.job_id
        for answer in dispatch_many([Job(play.step_on, (f"cap-{n}", 20), client_id="large") for n in range(60)])
    ]
    most = 0

    def done() -> bool:
        nonlocal most
        states = stage.states(ids)
        most = max(most, states.get("running", 0))
        return states.get("succeeded", 0) == len(ids)

    until(done, "all jobs long before sixty jobs at two a period", 30)

    configuration.settings_in_force.cache_clear()
    assert most <= 2
