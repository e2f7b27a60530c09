"""Suspects that a process has fetched beside a long job: the others go on, and they run once they can be alone."""

from __future__ import annotations

from types import ModuleType

import pytest

from actors.dispatch import Job, dispatch, dispatch_many
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until

#: A lease that a busy machine keeps, and that is still over soon.
SHORT = {"HEARTBEAT_SECONDS": 0.5, "LEASE_SECONDS": 2, "RELAY_SECONDS": 0.1}


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


def test_queue_of_one_process_goes_on_while_its_suspects_wait_for_a_long_job(stage: Stage, play: ModuleType) -> None:
    victim = stage.start("repertoire", threads=2, settings=SHORT)
    suspects = [one.job_id for one in dispatch_many([Job(play.linger, ("crash", name)) for name in ("a", "b")])]
    until(lambda: len(stage.trace("lingering")) == 2, "two jobs that run together")
    victim.kill()
    stage.open_gate("crash")
    long = dispatch(play.linger, "long", "long")
    stage.start("repertoire", threads=4, settings=SHORT)
    until(lambda: "long" in stage.trace("lingering"), "the long job")
    until(lambda: all(stage.job(one, "suspect AND attempts > 1") for one in suspects), "suspects in hand")

    others = dispatch_many([Job(play.greet, (f"other-{number}",)) for number in range(20)])
    stage.await_state([one.job_id for one in others], "succeeded", within_s=8)
    beside_the_long_job = [stage.job(one, "state <> 'succeeded' AND suspect") for one in suspects]
    stage.open_gate("long")
    stage.await_state([long.job_id, *suspects], "succeeded")

    assert beside_the_long_job == [True, True]
    assert sorted(stage.trace("lingered")) == ["a", "b", "long"]
    for one in suspects:
        assert stage.job(one, "attempts_spent, crashes, throttles") == (0, 0, 0)
        first, *given_back, last = stage.attempts(one)
        assert (first, set(given_back), last) == ("LOST", {"CANCELLED"}, "SUCCEEDED")
    assert _ran_together(stage, suspects) == 0


def _ran_together(stage: Stage, suspects: list[str]) -> int:
    """How many attempts ran while one of these jobs did."""
    return int(
        stage.value(
            "WITH ran AS (SELECT job_id, started_at AS began, started_at + make_interval(secs => duration_ms / 1000)"
            " AS ended FROM background_function_run WHERE status = 'SUCCEEDED')"
            " SELECT count(*) FROM ran JOIN ran AS other ON other.job_id <> ran.job_id"
            " AND other.began < ran.ended AND other.ended > ran.began WHERE ran.job_id = ANY (%s::uuid[])",
            suspects,
        )
    )
