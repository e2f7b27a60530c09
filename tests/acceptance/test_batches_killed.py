"""SIGKILL in the midst of a batched load: no acked message lacks its row, none is lost, none is done twice.

CALLBOARD_TEST_KILLS=20 plays as many as the promise was made for.
"""

from __future__ import annotations

import json
import os
from functools import partial
from types import ModuleType
from typing import Final

import pytest

from actors.dispatch import Dispatched, Job, dispatch_many
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until

#: How often a worker is killed.
KILLS: Final = int(os.environ.get("CALLBOARD_TEST_KILLS", "3"))
#: Jobs of each kind that are there for each life of a worker: more than it gets through before it is killed.
JOBS: Final = 600
#: A lease that is soon over.
SHORT: Final = {"HEARTBEAT_SECONDS": 0.5, "LEASE_SECONDS": 2, "RELAY_SECONDS": 0.1}


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


def test_batches_cut_off_by_kills_lose_nothing_and_do_nothing_twice(stage: Stage, play: ModuleType) -> None:
    enqueued: set[str] = set()
    for _ in range(KILLS):
        enqueued |= _enqueue(play)
        enough = _done(stage) + JOBS // 4
        victim = stage.start("repertoire", threads=8, settings=SHORT)
        until(partial(_has_done, stage, enough), "a worker in full swing")
        victim.kill()
        assert enqueued <= _in_redis(stage) | _in_the_ledger(stage), "an acked message without its row"
    survivor = stage.start("repertoire", threads=8, settings=SHORT)
    stage.await_state(sorted(enqueued), "succeeded", within_s=60)

    assert stage.value("SELECT count(*) FROM background_job") == len(enqueued)
    succeeded = "FROM background_function_run WHERE status = 'SUCCEEDED'"
    assert stage.rows(f"SELECT job_id {succeeded} GROUP BY 1 HAVING count(*) <> 1") == []
    assert stage.value(f"SELECT count(*) {succeeded}") == len(enqueued)
    until(lambda: not _in_redis(stage), "the last acks")
    survivor.kill()


def _enqueue(play: ModuleType) -> set[str]:
    """Half by dispatch, half by plain sends; gives their message ids."""
    answers = dispatch_many([Job(play.double, (1,))] * JOBS)
    sent = [play.double.send(1) for _ in range(JOBS)]
    return {one.job_id for one in answers if isinstance(one, Dispatched)} | {one.message_id for one in sent}


def _done(stage: Stage) -> int:
    return int(stage.value("SELECT count(*) FROM background_job WHERE state = 'succeeded'"))


def _has_done(stage: Stage, enough: int) -> bool:
    return _done(stage) >= enough


def _in_the_ledger(stage: Stage) -> set[str]:
    return {str(job_id) for (job_id,) in stage.rows("SELECT id FROM background_job")}


def _in_redis(stage: Stage) -> set[str]:
    """Message ids of all copies in Redis, ready and fetched."""
    bodies = stage.redis.hvals("dramatiq:default.msgs")
    return {json.loads(body)["message_id"] for body in bodies}
