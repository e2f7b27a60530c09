"""`callboard_recovery_seconds`: from a lost worker's last beat until the last of its jobs is pending again."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import metrics, recovery
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger.claim import Holder
from policy.settings import Settings
from tests.ledger_cases import claimed, registered, state_of

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is observed, in s."""
    seconds: list[float] = []
    monkeypatch.setattr(metrics, "recovered", seconds.append)
    return seconds


@pytest.fixture
def process(tmp_path: Path) -> WorkerProcess:
    """A worker process that recovers; nobody told it how long the lost one had been silent."""
    return WorkerProcess(StubBroker(middleware=[]), Settings(), queues=(), threads=1, slots_folder=tmp_path)


def lost(holder: Holder, *, beat_s_ago: float, declared_s_ago: float) -> None:
    query(
        "UPDATE worker SET heartbeat_at = now() - make_interval(secs => %s),"
        " lost_at = now() - make_interval(secs => %s) WHERE id = %s",
        (beat_s_ago, declared_s_ago, holder.id),
    )


def test_observed_once_a_worker_from_its_last_beat_on(observed: list[float], process: WorkerProcess) -> None:
    holder = registered(socket.gethostname())
    jobs = [claimed(holder).job_id for _ in range(3)]
    lost(holder, beat_s_ago=33.0, declared_s_ago=2.0)

    recovery.recover(process)

    assert {state_of(job_id) for job_id in jobs} == {"pending"}
    assert len(observed) == 1
    assert 33.0 <= observed[0] < 35.0


def test_worker_without_jobs_is_not_observed(observed: list[float], process: WorkerProcess) -> None:
    lost(registered(socket.gethostname()), beat_s_ago=33.0, declared_s_ago=2.0)

    recovery.recover(process)

    assert observed == []


def test_another_hosts_worker_is_left_to_its_own_host_first(observed: list[float], process: WorkerProcess) -> None:
    holder = registered("elsewhere")
    job_id = claimed(holder).job_id
    lost(holder, beat_s_ago=31.0, declared_s_ago=1.0)

    early = recovery.recover(process)
    lost(holder, beat_s_ago=35.0, declared_s_ago=4.0)
    late = recovery.recover(process)

    assert (early, late) == (0, 1)
    assert state_of(job_id) == "pending"
