"""Ticks that run their window's jobs in their own process: in an emergency, or because they are told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import redis

from actors.schedule import TickMode, tick
from models.database import query
from tests.broker_cases import NO_REDIS
from tests.integration.tick_cases import Forward, Settle, broker_in_place, clock_by, copies, jobs, settings_by, windows

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


def test_emergency_runs_the_window_here_through_the_ledger(settings: Settle) -> None:
    settings(REDIS_URL=NO_REDIS, INLINE_EMERGENCY="on")

    ticked = tick()

    runs = query("SELECT function_name, status, started_at IS NOT NULL FROM background_function_run ORDER BY id")
    assert ticked.mode is TickMode.INLINE_EMERGENCY
    assert ticked.window.status == "INLINE_EMERGENCY"
    assert ticked.window.error_message
    assert ticked.inline == {"succeeded": 2}
    assert {state for _, state in jobs()} == {"succeeded"}
    assert runs == [("process_background_jobs", "SUCCEEDED", True), ("background_maintenance", "SUCCEEDED", True)]


def test_emergency_worker_leaves_a_stopped_row_behind(settings: Settle) -> None:
    settings(REDIS_URL=NO_REDIS, INLINE_EMERGENCY="on")

    tick()

    assert query("SELECT lost_at IS NULL, stopped_at IS NOT NULL FROM worker") == [(True, True)]


def test_forced_inline_does_not_try_redis(settings: Settle, redis_client: redis.Redis) -> None:
    settings(FORCE_INLINE="on")

    ticked = tick()

    assert ticked.mode is TickMode.INLINE_FORCED
    assert windows()[0][:2] == ("INLINE_EMERGENCY", None)
    assert copies(redis_client) == 0


def test_emergency_after_failures_runs_the_failed_windows_jobs_once(settings: Settle, clock: Forward) -> None:
    settings(REDIS_URL=NO_REDIS)
    tick()
    clock(timedelta(seconds=60))
    tick()
    settings(INLINE_EMERGENCY="on")
    clock(timedelta(seconds=120))

    ticked = tick()

    assert ticked.inline == {"succeeded": 6}
    assert [row[0] for row in windows()] == ["INLINE_EMERGENCY"] * 3
    assert query("SELECT DISTINCT attempts, state FROM background_job") == [(1, "succeeded")]


def test_enqueued_window_that_no_worker_begins_is_reported_and_run_here_in_an_emergency(settings: Settle) -> None:
    old = tick().window.dispatch_key
    query(
        "UPDATE background_dispatch_window SET window_start = window_start - interval '3 minutes',"
        " dispatch_key = dispatch_key || 'old', updated_at = updated_at - interval '3 minutes'"
    )
    query("UPDATE background_job SET dispatch_key = dispatch_key || 'old'")
    query(
        "UPDATE background_dispatch_window SET process_dispatch_id = process_dispatch_id || 'old',"
        " maintenance_dispatch_id = maintenance_dispatch_id || 'old'"
    )

    reported = tick()
    settings(INLINE_EMERGENCY="on")
    run_here = tick()

    assert reported.unstarted == (f"{old}old",)
    assert reported.inline is None
    assert run_here.inline == {"succeeded": 2}
    assert [row[0] for row in windows()] == ["INLINE_EMERGENCY", "ENQUEUED"]


def test_signalled_tick_starts_no_further_job(settings: Settle) -> None:
    settings(REDIS_URL=NO_REDIS, INLINE_EMERGENCY="on")
    stopping = threading.Event()
    stopping.set()

    ticked = tick(stopping=stopping)

    assert ticked.mode is TickMode.ENQUEUE_FAILED
    assert {state for _, state in jobs()} == {"pending"}


def test_metadata_reaches_the_function_and_comes_back_in_its_result(settings: Settle) -> None:
    settings(FORCE_INLINE="on")

    window = tick("cron").window

    (result,) = query("SELECT result FROM background_job WHERE actor = 'process_background_jobs'")[0]
    assert result["source"] == "cron"
    assert result["dispatchKey"] == window.dispatch_key
    assert result["correlationId"] == window.correlation_id
    assert result["windowSeconds"] == 60
    assert datetime.fromisoformat(result["windowStart"].replace("Z", "+00:00")) == window.window_start
