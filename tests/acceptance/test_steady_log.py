"""In steady state a job costs a line for its dispatch and one for its attempt, and none at warning or above."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

import pytest

from actors.dispatch import Dispatched, Job, dispatch_many
from tests.acceptance.health_pages import registered
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until

JOBS = 40
LEVELS = {"WARNING", "ERROR", "CRITICAL"}
#: What a busy machine may bring about by itself: a beat or a relay that waited for its turn.
OF_THE_MACHINE = {"beat_failed", "relay_step_failed", "worker_was_declared_lost", "claim_waits", "finish_waits"}


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


def test_each_transition_is_one_line_and_none_is_a_warning(stage: Stage, play: ModuleType) -> None:
    workers = registered(stage.command("worker", "repertoire", "--threads", "2"))
    # A Redis that the relay has not met yet may have lost everything: what is on its way just then is released again.
    until(lambda: stage.redis.exists("dramatiq:callboard.epoch"), "the relay's first look at Redis")

    answers = dispatch_many([Job(play.greet, (f"n{number}",)) for number in range(JOBS)])
    ids = {answer.job_id for answer in answers if isinstance(answer, Dispatched)}
    stage.await_state(ids, "succeeded", within_s=60)
    until(lambda: len(workers.lines("attempt_closed")) >= JOBS, "the lines of all attempts", 30)
    assert workers.stop(60) == 0

    per_job = Counter(str(line["job_id"]) for line in workers.lines() if line.get("job_id") in ids)
    loud = {str(line["event"]) for line in workers.lines() if line["level"] in LEVELS}
    assert per_job == Counter(dict.fromkeys(ids, 1))
    assert loud <= OF_THE_MACHINE


def test_actor_that_was_made_quiet_writes_nothing_and_its_neighbour_does(stage: Stage, play: ModuleType) -> None:
    quiet = {"LOG_LEVELS": "greet=ERROR"}
    workers = registered(stage.command("worker", "repertoire", "--threads", "2", settings=quiet))

    answers = dispatch_many([Job(play.greet, ("you",)), Job(play.step_on, ("me",))])
    stage.await_state([one.job_id for one in answers], "succeeded", within_s=60)
    until(lambda: workers.lines("attempt_closed"), "the neighbour's line", 30)
    assert workers.stop(60) == 0

    assert {line["actor"] for line in workers.lines("attempt_closed")} == {"step_on"}
