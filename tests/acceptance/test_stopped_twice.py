"""A second signal ends a worker at once, and what it had in hand is done by the next one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from actors.dispatch import dispatch
from tests.acceptance.stage import Stage, fresh_stage
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers, _state

SETTINGS = {"LEASE_SECONDS": 3, "HEARTBEAT_SECONDS": 0.5, "RELAY_SECONDS": 0.1}


@pytest.fixture
def stage(servers: object, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Stage]:
    with fresh_stage(tmp_path, database_url, redis_url) as stage:
        yield stage


@pytest.fixture
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


def twice_to_the_master(workers: Workers) -> None:
    workers.terminate()
    threading.Event().wait(0.5)
    workers.terminate()


def to_the_whole_group(workers: Workers) -> None:
    """As a terminal's Ctrl-C and `timeout` do: the worker has it from the group and from its master."""
    os.killpg(workers._master.pid, signal.SIGTERM)


@pytest.mark.parametrize("how", [twice_to_the_master, to_the_whole_group])
def test_worker_ends_and_its_job_is_done_by_the_next(stage: Stage, play: ModuleType, how: object) -> None:
    workers = stage.start("repertoire", settings=SETTINGS)
    (pid,) = workers.pids()
    job = dispatch(play.linger, "gate", "one").job_id
    until(lambda: stage.trace("lingering"), "the job's start")

    assert callable(how)
    how(workers)
    if how is to_the_whole_group:
        stage.open_gate("gate")  # where both signals were one, it ends in good order
    workers.wait(30)

    until(lambda: _state(pid) in ("", "Z"), "the end of the worker process", 30)
    stage.open_gate("gate")
    stage.start("repertoire", settings=SETTINGS)
    stage.await_state(job, "succeeded", within_s=30)
