"""A tick's outcomes on real servers, in one process: what the rows say after each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import dramatiq
import pytest
import redis

from actors import schedule
from actors.broker import setup
from actors.schedule import TickMode, tick
from middleware import configuration
from models.database import close_connection, query
from models.readings.paging import database_now
from policy.windows import window_at
from tests.ledger_cases import in_threads

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client", "own_broker")

#: Nothing listens there.
NOWHERE = "redis://127.0.0.1:1/0"

Settle = Callable[..., None]


@pytest.fixture
def own_broker() -> Iterator[None]:
    """The process's broker in place, and afterwards the one that was there."""
    former = dramatiq.broker.global_broker
    dramatiq.set_broker(setup())
    yield
    dramatiq.broker.global_broker = former


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settle:
    """Sets settings by name without their prefix."""

    def change(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"CALLBOARD_{name}", str(value))
        configuration.settings_in_force.cache_clear()

    return change


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets the database's clock forward, as ticks see it; it is read at the start of a window."""
    began = window_at(database_now(), 60).start

    def forward(by: timedelta) -> None:
        monkeypatch.setattr(schedule, "database_now", lambda: began + by)

    forward(timedelta())
    return forward


def windows() -> list[tuple[Any, ...]]:
    return query("SELECT status, error_message, missed_before FROM background_dispatch_window ORDER BY window_start")


def jobs() -> list[tuple[str, str]]:
    """Function and state of every job, oldest window first."""
    return [
        (row[0], row[1]) for row in query("SELECT actor, state FROM background_job ORDER BY created_at, actor DESC")
    ]


def copies(client: redis.Redis) -> int:
    return int(client.llen("dramatiq:default"))


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
    settings(REDIS_URL=NOWHERE)

    ticked = tick()

    assert ticked.mode is TickMode.ENQUEUE_FAILED
    assert ticked.error
    assert ticked.window.status == "ENQUEUE_FAILED"
    assert ticked.window.error_message == ticked.error
    assert {state for _, state in jobs()} == {"pending"}


def test_next_tick_of_a_failed_window_enqueues_the_same_jobs(settings: Settle, redis_client: redis.Redis) -> None:
    url = configuration.redis_url(configuration.settings_in_force())
    settings(REDIS_URL=NOWHERE)
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
    settings: Settle, clock: Callable[[timedelta], None], redis_client: redis.Redis
) -> None:
    url = configuration.redis_url(configuration.settings_in_force())
    settings(REDIS_URL=NOWHERE)
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


def test_windows_that_nobody_ticked_in_are_recorded_on_the_next_one(clock: Callable[[timedelta], None]) -> None:
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


def test_emergency_runs_the_window_here_through_the_ledger(settings: Settle) -> None:
    settings(REDIS_URL=NOWHERE, INLINE_EMERGENCY="on")

    ticked = tick()

    runs = query("SELECT function_name, status, started_at IS NOT NULL FROM background_function_run ORDER BY id")
    assert ticked.mode is TickMode.INLINE_EMERGENCY
    assert ticked.window.status == "INLINE_EMERGENCY"
    assert ticked.window.error_message
    assert ticked.inline == {"succeeded": 2}
    assert {state for _, state in jobs()} == {"succeeded"}
    assert runs == [("process_background_jobs", "SUCCEEDED", True), ("background_maintenance", "SUCCEEDED", True)]


def test_emergency_worker_leaves_a_stopped_row_behind(settings: Settle) -> None:
    settings(REDIS_URL=NOWHERE, INLINE_EMERGENCY="on")

    tick()

    assert query("SELECT lost_at IS NULL, stopped_at IS NOT NULL FROM worker") == [(True, True)]


def test_forced_inline_does_not_try_redis(settings: Settle, redis_client: redis.Redis) -> None:
    settings(FORCE_INLINE="on")

    ticked = tick()

    assert ticked.mode is TickMode.INLINE_FORCED
    assert windows()[0][:2] == ("INLINE_EMERGENCY", None)
    assert copies(redis_client) == 0


def test_emergency_after_failures_runs_the_failed_windows_jobs_once(
    settings: Settle, clock: Callable[[timedelta], None]
) -> None:
    settings(REDIS_URL=NOWHERE)
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
    settings(REDIS_URL=NOWHERE, INLINE_EMERGENCY="on")
    stopping = threading.Event()
    stopping.set()

    ticked = tick(stopping=stopping)

    assert ticked.mode is TickMode.ENQUEUE_FAILED
    assert {state for _, state in jobs()} == {"pending"}


def test_clock_of_the_caller_plays_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    tick("right")
    monkeypatch.setattr(time, "time", lambda: real() + 60.0)

    ticked = tick("a minute ahead")

    assert ticked.mode is TickMode.DUPLICATE_SUPPRESSED


def test_metadata_reaches_the_function_and_comes_back_in_its_result(settings: Settle) -> None:
    settings(FORCE_INLINE="on")

    window = tick("cron").window

    (result,) = query("SELECT result FROM background_job WHERE actor = 'process_background_jobs'")[0]
    assert result["source"] == "cron"
    assert result["dispatchKey"] == window.dispatch_key
    assert result["correlationId"] == window.correlation_id
    assert result["windowSeconds"] == 60
    assert datetime.fromisoformat(result["windowStart"].replace("Z", "+00:00")) == window.window_start


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    yield
    close_connection()
