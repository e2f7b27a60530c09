"""A tick's outcomes on real servers, in one process: what the rows say after each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
import redis

from actors.schedule import TickMode, tick
from actors.tick_answer import shown
from middleware import configuration
from models.database import query
from tests.broker_cases import NO_REDIS
from tests.command_cases import Callboard
from tests.integration.tick_cases import Forward, Settle, broker_in_place, clock_by, copies, jobs, settings_by, windows
from tests.ledger_cases import in_threads

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client", "own_broker")


@pytest.fixture
def own_broker() -> Iterator[None]:
    """The process's broker in place, and afterwards the one that was there."""
    with broker_in_place():
        yield


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settle:
    """Sets settings by name without their prefix."""
    return settings_by(monkeypatch)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Forward:
    """Sets the database's clock forward, as ticks see it; it is read at the start of a window."""
    return clock_by(monkeypatch)


def test_first_tick_of_a_window_enqueues_its_two_jobs_under_the_derived_keys(redis_client: redis.Redis) -> None:
    ticked = tick("cron")

    keys = {row[0] for row in query("SELECT dispatch_key FROM background_job")}
    assert ticked.mode is TickMode.ENQUEUED
    assert ticked.existing is None
    assert ticked.window.status == "ENQUEUED"
    assert ticked.window.source == "cron"
    assert keys == {ticked.window.process_dispatch_id, ticked.window.maintenance_dispatch_id}
    assert {state for _, state in jobs()} == {"queued"}
    assert copies(redis_client) == 2


def test_second_tick_of_a_window_is_suppressed_and_names_the_row(redis_client: redis.Redis) -> None:
    first = tick("one")

    second = tick("two")

    assert second.mode is TickMode.DUPLICATE_SUPPRESSED
    assert second.existing is not None
    assert second.existing.source == "one"
    assert second.window.correlation_id == first.window.correlation_id
    assert copies(redis_client) == 2


def test_window_and_jobs_share_one_correlation_id() -> None:
    ticked = tick()

    families = {row[0] for row in query("SELECT correlation_id FROM background_job")}
    assert families == {ticked.window.correlation_id}


def test_redis_away_keeps_the_jobs_pending_and_says_why(settings: Settle) -> None:
    settings(REDIS_URL=NO_REDIS)

    ticked = tick()

    assert ticked.mode is TickMode.ENQUEUE_FAILED
    assert ticked.error
    assert ticked.window.status == "ENQUEUE_FAILED"
    assert ticked.window.error_message == ticked.error
    assert {state for _, state in jobs()} == {"pending"}


def test_next_tick_of_a_failed_window_enqueues_the_same_jobs(settings: Settle, redis_client: redis.Redis) -> None:
    url = configuration.redis_url(configuration.settings_in_force())
    settings(REDIS_URL=NO_REDIS)
    tick()
    before = query("SELECT id FROM background_job ORDER BY id")
    settings(REDIS_URL=url)

    ticked = tick()

    assert ticked.mode is TickMode.ENQUEUED
    assert ticked.existing is not None
    assert ticked.existing.status == "ENQUEUE_FAILED"
    assert query("SELECT id FROM background_job ORDER BY id") == before
    assert copies(redis_client) == 2


def test_tick_of_the_next_window_enqueues_what_failed_before(
    settings: Settle, clock: Forward, redis_client: redis.Redis
) -> None:
    url = configuration.redis_url(configuration.settings_in_force())
    settings(REDIS_URL=NO_REDIS)
    failed = [tick().window.dispatch_key]
    clock(timedelta(seconds=60))
    failed.append(tick().window.dispatch_key)
    settings(REDIS_URL=url)
    clock(timedelta(seconds=120))

    ticked = tick()

    assert ticked.mode is TickMode.ENQUEUED
    assert sorted(ticked.repaired) == failed
    assert [row[0] for row in windows()] == ["ENQUEUED"] * 3
    assert copies(redis_client) == 6


@pytest.mark.parametrize(("age_s", "mode"), [(5, TickMode.DUPLICATE_SUPPRESSED), (16, TickMode.ENQUEUED)])
def test_window_left_dispatching_is_taken_over_after_its_patience(age_s: int, mode: TickMode) -> None:
    tick()
    query(
        "UPDATE background_dispatch_window SET status = 'DISPATCHING',"
        " updated_at = clock_timestamp() - make_interval(secs => %s)",
        (age_s,),
    )

    ticked = tick()

    assert ticked.mode is mode
    assert len(jobs()) == 2


def test_windows_that_nobody_ticked_in_are_recorded_on_the_next_one(clock: Forward) -> None:
    tick()
    clock(timedelta(seconds=4 * 60))

    ticked = tick()

    assert ticked.window.missed_before == 3
    assert [row[2] for row in windows()] == [0, 3]


def test_many_threads_ticking_at_once_make_one_window_and_two_jobs() -> None:
    modes = [ticked.mode for ticked in in_threads([tick] * 10)]

    assert modes.count(TickMode.ENQUEUED) == 1
    assert modes.count(TickMode.DUPLICATE_SUPPRESSED) == 9
    assert len(windows()) == 1
    assert len(jobs()) == 2


def test_clock_of_the_caller_plays_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    tick("right")
    monkeypatch.setattr(time, "time", lambda: real() + 60.0)

    ticked = tick("a minute ahead")

    assert ticked.mode is TickMode.DUPLICATE_SUPPRESSED


def test_times_of_an_answer_are_those_of_the_other_commands_and_the_start_is_that_of_the_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tick("one")

    answer = shown(tick("two"))
    (listed,) = Callboard(capsys)("windows", "list", "--json").data

    start: str = answer["window_start"]
    assert answer["dispatch_key"].endswith(f":{start}")
    assert answer["existing"]["window_start"] == start
    assert moment(listed["window_start"]) == moment(start)
    times = ("requested_at", "created_at", "updated_at")
    assert {name: answer[name] for name in times} == {name: listed[name] for name in times}


def test_dry_run_names_the_window_and_whether_it_is_there_and_changes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    callboard = Callboard(capsys)

    before = callboard("tick", "--dry-run", "--json", "--source", "cron")
    said = callboard("tick", "--dry-run")
    rows = windows()
    tick("clock")
    after = callboard("tick", "--dry-run", "--json")
    said_after = callboard("tick", "--dry-run")

    assert [ended.code for ended in (before, said, after, said_after)] == [0, 0, 0, 0]
    assert rows == []
    assert (before.data["mode"], before.data["existing"], before.data["dry_run"]) == (None, None, True)
    assert (before.data["source"], before.data["status"]) == ("cron", None)
    assert said.out == f"would dispatch {before.data['dispatch_key']}\n"
    assert (after.data["existing"]["source"], after.data["status"]) == ("clock", "ENQUEUED")
    assert said_after.out.startswith(f"there already {after.data['dispatch_key']}: ENQUEUED since ")
    assert len(windows()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--source", ""],
        ["--source", "  "],
        ["--source", "x\n{}"],
        ["--source", "\u202ex"],
        ["--every", "5", "--dry-run"],
    ],
)
def test_tick_that_makes_no_sense_is_refused_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ended = Callboard(capsys)("tick", *words)

    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert windows() == []


def moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
