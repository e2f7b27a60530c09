"""The two functions as jobs: what they do and what their results say."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import dramatiq
import pytest
import redis

from actors.broker import setup
from middleware.in_hand import Held
from middleware.relay import Relay
from middleware.worker_process import WorkerProcess, attach
from models.database import query
from models.ledger.finish import finish
from models.ledger.letters import Operator, requeue_letter
from policy.errors import StaleClaim, Terminal
from tests.broker_cases import acting, acting_process
from tests.command_cases import dead_letter
from tests.ledger_cases import (
    DEDUPE_S,
    attempts_of,
    claimed,
    death,
    dispatched,
    lose,
    registered,
    retry,
    state_of,
    success,
)

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

METADATA: dict[str, Any] = {
    "source": "cron",
    "requestedAt": "2026-02-17T21:52:01.000Z",
    "dispatchKey": "background-jobs:v1:60:2026-02-17T21:52:00.000Z",
    "correlationId": "family",
    "windowStart": "2026-02-17T21:52:00.000Z",
    "windowSeconds": 60,
}


@pytest.fixture
def process() -> Iterator[WorkerProcess]:
    """A worker process of the process's broker, with a relay that does not run."""
    former, broker = dramatiq.broker.global_broker, setup()
    process = acting_process(broker)
    process.relay = Relay(process)
    yield process
    attach(broker, None)
    dramatiq.broker.global_broker = former


def families() -> ModuleType:
    """The actors bind to the broker that setup() makes, so they are imported after that."""
    return importlib.import_module("actors.families")


def background() -> ModuleType:
    """What the two do; it imports the actors, too."""
    return importlib.import_module("actors.background")


def held_as(process: WorkerProcess, function: str) -> Held:
    """A live claim on a job of that function."""
    held = Held(claimed(process.holder, dispatched(actor=function)), process.holder.id, function, "default")
    process.in_hand.add([held])
    return held


def run_process(process: WorkerProcess, metadata: dict[str, Any] | None = METADATA) -> dict[str, Any]:
    with acting(process, held_as(process, "process_background_jobs")):
        return dict(families().process_background_jobs.fn(metadata))


def run_maintenance(process: WorkerProcess, metadata: dict[str, Any] | None = METADATA) -> dict[str, Any]:
    with acting(process, held_as(process, "background_maintenance")):
        return dict(families().background_maintenance.fn(metadata))


def test_process_releases_what_is_due_and_says_how_much(process: WorkerProcess, redis_client: redis.Redis) -> None:
    due = [dispatched(payload=_envelope()) for _ in range(3)]
    query("UPDATE background_job SET state = 'pending'")

    result = run_process(process)

    assert result["released"] == 3
    assert result["remaining"] == 0
    assert (result["deferred"], result["reason"]) == (0, None)
    assert {state_of(job.id) for job in due} == {"queued"}
    assert redis_client.llen("dramatiq:default") == 3


def test_process_recovers_what_a_lost_worker_held(process: WorkerProcess) -> None:
    lost = registered(process.holder.host)
    claim = claimed(lost, dispatched(payload=_envelope()))
    lose(lost)

    result = run_process(process)

    assert result["recovered"] == 1
    assert attempts_of(claim.job_id) == ["LOST"]


def test_process_counts_the_attempts_of_the_period_before_its_window(process: WorkerProcess) -> None:
    worker = registered()
    ends = [success(claimed(worker)), success(claimed(worker)), retry(claimed(worker)), death(claimed(worker))]
    finish(worker.id, ends, dedupe_s=60)
    query("UPDATE background_function_run SET claimed_at = '2026-02-17T21:51:30Z'")
    outside = [success(claimed(worker))]
    finish(worker.id, outside, dedupe_s=60)

    result = run_process(process)

    counts = {name: result[name] for name in ("processed", "succeeded", "failed", "retried", "skipped")}
    assert counts == {"processed": 4, "succeeded": 2, "failed": 1, "retried": 1, "skipped": 0}


def test_third_process_at_once_does_nothing_and_says_so(process: WorkerProcess) -> None:
    dispatched(payload=_envelope())
    query("UPDATE background_job SET state = 'pending'")
    first, second = run_process(process), run_process(process)
    dispatched(payload=_envelope())
    query("UPDATE background_job SET state = 'pending' WHERE state = 'queued'")

    third = run_process(process)

    assert (first["reason"], second["reason"]) == (None, None)
    assert third["reason"] == "enough_at_work"
    assert (third["released"], third["deferred"]) == (0, third["remaining"])
    assert third["remaining"] > 0


def test_process_says_that_redis_is_away(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    dispatched(payload=_envelope())
    query("UPDATE background_job SET state = 'pending'")

    def away(*_: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(process.broker, "ready_room", away)

    result = run_process(process)

    assert (result["deferred"], result["reason"]) == (1, "redis_away")


def test_function_called_by_hand_needs_no_metadata(process: WorkerProcess) -> None:
    result = run_process(process, None)

    assert result["windowSeconds"] == 60
    assert result["correlationId"]


@pytest.mark.parametrize(
    "change", [{"windowSeconds": "60"}, {"source": ""}, {"windowStart": "soon"}, {"requestedAt": None}]
)
def test_metadata_that_no_tick_made_is_terminal(process: WorkerProcess, change: dict[str, Any]) -> None:
    with pytest.raises(Terminal):
        run_process(process, METADATA | change)


def test_functions_refuse_to_run_without_a_claim(process: WorkerProcess) -> None:
    with pytest.raises(StaleClaim):
        families().background_maintenance.fn(METADATA)


def test_maintenance_reports_queues_and_runs_with_their_oldest(process: WorkerProcess) -> None:
    due = dispatched(actor="slow", payload=_envelope())
    query("UPDATE background_job SET run_at = now() - interval '40 minutes' WHERE id = %s", (due.id,))
    running = claimed(registered(), dispatched(actor="long"))
    query("UPDATE background_function_run SET claimed_at = now() - interval '20 minutes'")

    parts = run_maintenance(process)["parts"]

    assert parts["queues"]["due_now"] == 1
    assert parts["queues"]["stale"] is True
    assert parts["queues"]["oldest_due"]["id"] == str(due.id)
    assert parts["queues"]["oldest_due"]["actor"] == "slow"
    assert parts["queues"]["oldest_due"]["age_s"] == pytest.approx(2400, abs=60)
    assert (parts["runs"]["running"], parts["runs"]["stale"]) == (2, 1)
    assert parts["runs"]["oldest"]["id"] == str(running.job_id)


def test_maintenance_part_that_fails_does_not_stop_the_others(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(background(), "settle_stuck_drafts", broken)

    result = run_maintenance(process)

    assert result["failed"] == ["drafts"]
    assert result["parts"]["drafts"] == {"error": "RuntimeError: out of order"}
    assert result["parts"]["retention"]["jobs"] == 0


def test_statement_that_fails_in_a_part_leaves_the_others_a_connection(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background(), "let_go_expired_keys", lambda: query("SELECT * FROM no_such_table"))

    result = run_maintenance(process)

    assert result["failed"] == ["keys_let_go"]
    assert "retention" in result["parts"]


def test_second_maintenance_at_once_does_nothing(process: WorkerProcess) -> None:
    first = run_maintenance(process)

    second = run_maintenance(process)

    assert first["deferred"] is False
    assert (second["deferred"], second["reason"], second["parts"]) == (True, "already_running", {})


def test_failed_window_is_enqueued_once_others_have_released_its_jobs(process: WorkerProcess) -> None:
    _window("ENQUEUE_FAILED")
    dispatched("p1")
    dispatched("m1")

    run_process(process)

    assert query("SELECT status, error_message FROM background_dispatch_window") == [("ENQUEUED", "away")]


def test_failed_window_stays_failed_while_a_job_of_it_waits(process: WorkerProcess) -> None:
    _window("ENQUEUE_FAILED")
    dispatched("p1")
    waiting = dispatched("m1", payload=_envelope())
    query("UPDATE background_job SET state = 'pending' WHERE id = %s", (waiting.id,))

    run_process(process)

    assert query("SELECT status FROM background_dispatch_window") == [("ENQUEUE_FAILED",)]


def _window(status: str) -> None:
    query(
        "INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,"
        " correlation_id, status, process_dispatch_id, maintenance_dispatch_id, error_message)"
        " VALUES ('w1', 'cron', now(), now(), 60, 'c', %s, 'p1', 'm1', 'away')",
        (status,),
    )


def _envelope() -> bytes:
    message: dramatiq.Message[object] = dramatiq.Message("default", "actor", (), {}, {})
    return message.encode()


def test_maintenance_takes_away_what_a_killed_operator_left_in_redis(
    process: WorkerProcess, redis_client: redis.Redis
) -> None:
    _, letter = dead_letter(redis_id="r-1")
    redis_client.zadd("dramatiq:default.XQ", {"r-1": 1})
    requeue_letter(letter, Operator("ann"), dedupe_s=DEDUPE_S)

    part = run_maintenance(process)["parts"]["dead_queues"]

    assert part == {"looked_at": True, "strays": 0, "repaired": 1}
    assert redis_client.zcard("dramatiq:default.XQ") == 0
