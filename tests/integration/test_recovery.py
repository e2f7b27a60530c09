"""Lost workers: who may declare them, and what becomes of their jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

import pytest
import redis
from dramatiq.brokers.stub import StubBroker

from middleware import recovery
from middleware.started_slots import StartedSlots
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger import workers
from models.ledger.finish import finish
from tests.broker_cases import NO_REDIS, acting_process, broker_on, silent, steady_process, watched
from tests.ledger_cases import (
    DEDUPE_S,
    attempts_of,
    claimed,
    dispatched,
    in_threads,
    job_row,
    lose,
    registered,
    state_of,
    success,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that may declare others lost."""
    return steady_process(StubBroker())


def test_silent_workers_job_is_pending_again_and_its_attempt_lost(process: WorkerProcess) -> None:
    holder, job = silent(process), dispatched("k")
    claimed(holder, job)

    recovery.recover(process)

    assert job_row(job.id, "state", "release", "worker_id", "holds_key", "attempts_spent", "crashes") == (
        "pending",
        2,
        None,
        True,
        0,
        0,
    )
    assert attempts_of(job.id) == ["LOST"]
    assert query("SELECT lost_at IS NOT NULL FROM worker WHERE id = %s", (holder.id,)) == [(True,)]


@pytest.mark.parametrize(
    ("max_crashes", "error"),
    [
        pytest.param(3, "the worker that ran it was lost", id="lost"),
        pytest.param(1, "poison: the worker that ran it was lost", id="poison"),
    ],
)
def test_status_document_of_a_lost_workers_job_says_that_it_failed(
    redis_url: str, redis_client: redis.Redis, max_crashes: int, error: str
) -> None:
    process = steady_process(broker_on(redis_url))
    process.settings = replace(process.settings, max_crashes=max_crashes)
    holder, job = silent(process), dispatched("k", client_id="c1")
    claim = claimed(holder, job)
    StartedSlots(process.slots_folder, holder.id).write(job.id, claim.fence)

    recovery.recover(process)

    document = json.loads(cast(bytes, redis_client.get(f"job:v1:c1:{job.actor}")))
    assert (document["status"], document["lastError"]) == ("failed", error)
    assert (document["runId"], document["attempt"], document["dispatchKey"]) == (str(job.id), 1, "k")
    assert document["requestedAt"] <= document["startedAt"] <= document["finishedAt"]


def test_redis_away_does_not_keep_a_lost_workers_job(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(recovery, "event", lambda name, *level, **fields: told.append(name))
    process = steady_process(broker_on(NO_REDIS))
    holder, job = silent(process), dispatched()
    claimed(holder, job)

    assert recovery.recover(process) == 1

    assert state_of(job.id) == "pending"
    assert told[-1] == "statuses_left"


def test_worker_within_its_lease_is_not_lost(process: WorkerProcess) -> None:
    holder, job = silent(process, seconds=process.settings.lease_s - 2), dispatched()
    claimed(holder, job)

    recovery.recover(process)

    assert state_of(job.id) == "running"


def test_stopped_worker_is_not_lost(process: WorkerProcess) -> None:
    holder = silent(process)
    workers.stop(holder.id)

    recovery.recover(process)

    assert query("SELECT lost_at FROM worker WHERE id = %s", (holder.id,)) == [(None,)]


def test_claim_that_commits_after_its_worker_has_stopped_is_recovered(process: WorkerProcess) -> None:
    holder, job = registered(process.holder.host), dispatched()
    claimed(holder, job)
    workers.stop(holder.id)

    recovery.recover(process)

    assert state_of(job.id) == "pending"
    assert attempts_of(job.id) == ["LOST"]
    assert query("SELECT lost_at FROM worker WHERE id = %s", (holder.id,)) == [(None,)]


@pytest.mark.parametrize("gap_beats", [pytest.param(3, id="a gap"), pytest.param(None, id="too young")])
def test_relay_that_has_itself_beaten_with_a_gap_declares_nobody_lost(
    process: WorkerProcess, gap_beats: int | None
) -> None:
    # After an outage of the database every worker has been silent; so has this one.
    holder, job = silent(process), dispatched()
    claimed(holder, job)
    beats = list(process._beats_s)
    process._beats_s.clear()
    process._beats_s.extend([beats[0], *beats[gap_beats:]] if gap_beats else beats[-2:])

    recovery.recover(process)

    assert state_of(job.id) == "running"


def test_loss_that_another_relay_declared_is_recovered_by_a_young_one() -> None:
    process = acting_process(StubBroker())
    holder, job = registered(process.holder.host), dispatched()
    claimed(holder, job)
    lose(holder)

    recovery.recover(process)

    assert state_of(job.id) == "pending"


def test_worker_of_another_host_is_left_to_that_host_for_some_seconds(process: WorkerProcess) -> None:
    holder, job = registered("elsewhere"), dispatched()
    claimed(holder, job)
    lose(holder)

    recovery.recover(process)
    before = state_of(job.id)
    query("UPDATE worker SET lost_at = lost_at - interval '4 seconds' WHERE id = %s", (holder.id,))
    recovery.recover(process)

    assert (before, state_of(job.id)) == ("running", "pending")


def test_two_recoveries_at_once_recover_each_job_once(process: WorkerProcess) -> None:
    holder = registered()
    jobs = [dispatched() for _ in range(20)]
    for job in jobs:
        claimed(holder, job)
    lose(holder)

    counts = in_threads(
        [
            lambda: len(workers.recover_jobs(holder.id, crashed=[jobs[0].id], suspects=[], max_crashes=3, limit=100))
            for _ in range(4)
        ]
    )

    assert sum(counts) == 20, "whoever met a locked row left it to the one who had it"
    assert job_row(jobs[0].id, "crashes", "release") == (1, 2)


def test_paused_holder_may_finish_until_its_job_is_recovered(process: WorkerProcess) -> None:
    holder, job = silent(process), dispatched()
    claim = claimed(holder, job)
    lose(holder)

    finished = finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)
    recovery.recover(process)

    assert finished.moved == frozenset({job.id})
    assert attempts_of(job.id) == ["SUCCEEDED"]


def test_more_jobs_than_one_statement_takes_are_all_recovered(process: WorkerProcess) -> None:
    holder = silent(process)
    jobs = [dispatched() for _ in range(7)]
    for job in jobs:
        claimed(holder, job)
    lose(holder)

    counts = [len(recovered(holder.id, limit=3)) for _ in range(4)]

    assert counts == [3, 3, 1, 0]
    assert {state_of(job.id) for job in jobs} == {"pending"}


def recovered(worker_id: UUID, limit: int) -> list[workers.RecoveredJob]:
    """One statement's worth."""
    return workers.recover_jobs(worker_id, crashed=[], suspects=[], max_crashes=3, limit=limit)


def test_recovered_job_is_due_now_and_keeps_its_place(process: WorkerProcess) -> None:
    holder, job = silent(process), dispatched()
    claimed(holder, job)
    (before,) = job_row(job.id, "run_at")

    recovery.recover(process)

    assert job_row(job.id, "run_at") == (before,)


@pytest.mark.parametrize("step", ["1 hour", "-1 hour"])
def test_databases_clock_that_jumps_loses_nobody(process: WorkerProcess, step: str) -> None:
    alive, job = registered(process.holder.host), dispatched()
    claimed(alive, job)
    recovery.recover(process)
    # After a step of the clock, every beat of before is as much older (or younger) than it is.
    query("UPDATE worker SET heartbeat_at = heartbeat_at - %s::interval", (step,))

    recovery.recover(process)

    assert state_of(job.id) == "running"
    assert query("SELECT count(*) FROM worker WHERE lost_at IS NOT NULL") == [(0,)]


def test_worker_that_died_before_the_databases_clock_was_set_back_is_lost_all_the_same(process: WorkerProcess) -> None:
    holder, job = registered(process.holder.host), dispatched()
    claimed(holder, job)
    query("UPDATE worker SET heartbeat_at = heartbeat_at + interval '1 hour' WHERE id = %s", (holder.id,))
    watched(process, process.settings.lease_s + 1)

    recovery.recover(process)

    assert state_of(job.id) == "pending"


def test_beat_that_comes_after_the_look_prevents_the_loss(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, job = silent(process), dispatched()
    claimed(holder, job)
    declare_lost = workers.declare_lost

    def beaten_first(seen: Mapping[UUID, datetime]) -> list[workers.LostWorker]:
        assert holder.id in seen
        assert workers.beat(holder.id)
        return declare_lost(seen)

    monkeypatch.setattr(workers, "declare_lost", beaten_first)

    recovery.recover(process)

    assert state_of(job.id) == "running"
