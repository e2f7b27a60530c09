"""The status document of a client's job in Redis: running, then how it ended, with the names of the contract."""

from __future__ import annotations

import json
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest

from actors.dispatch import dispatch
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers

FIELDS = {
    "status",
    "startedAt",
    "finishedAt",
    "durationMs",
    "attempt",
    "lastError",
    "source",
    "runId",
    "dispatchKey",
    "correlationId",
    "requestedAt",
    "updatedAt",
}


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


@pytest.fixture(scope="module", autouse=True)
def workers(stage: Stage, play: ModuleType) -> Workers:
    return stage.start("repertoire", settings={"STATUS_TTL_SECONDS": 500})


def test_running_job_says_so_and_then_that_it_succeeded(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.linger, "status", "it", client_id="acme", dispatch_key="status:1", source="test")
    until(lambda: stage.trace("lingering"), "the run")

    running = _status(stage, "job:v1:acme:linger")
    stage.open_gate("status")
    stage.await_state(job.job_id, "succeeded")
    done = until(lambda: _if(stage, "job:v1:acme:linger", "succeeded"), "the last status")

    assert set(running) == set(done) == FIELDS
    assert (running["status"], running["finishedAt"], running["durationMs"]) == ("running", None, None)
    same = ("attempt", "source", "runId", "dispatchKey", "correlationId", "requestedAt")
    assert {name: running[name] for name in same} == {name: done[name] for name in same}
    assert (done["attempt"], done["source"], done["runId"]) == (1, "test", job.job_id)
    assert done["dispatchKey"] == "status:1"
    assert done["correlationId"] == stage.job(job.job_id, "correlation_id")
    assert done["lastError"] is None
    assert done["durationMs"] > 0
    times = [_time(done[name]) for name in ("requestedAt", "startedAt", "finishedAt", "updatedAt")]
    assert all(time.tzinfo is not None for time in times)
    assert times[:3] == sorted(times[:3])
    assert 0 < int(stage.redis.ttl("job:v1:acme:linger")) <= 500


def test_failed_attempt_says_why_under_the_global_key_where_there_is_no_client(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.try_once, "status")
    stage.await_state(job.job_id, "dead")

    status = until(lambda: _if(stage, "job:v1:global:try_once", "failed"), "the last status")

    assert (status["runId"], status["attempt"], status["lastError"]) == (job.job_id, 1, "no")


def _status(stage: Stage, key: str) -> dict[str, Any]:
    text = stage.redis.get(key)
    assert isinstance(text, str), f"no status at {key}"
    found: dict[str, Any] = json.loads(text)
    return found


def _if(stage: Stage, key: str, status: str) -> dict[str, Any] | None:
    found = _status(stage, key)
    return found if found["status"] == status else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
