"""Callbacks and pipelines: what follows from a job follows once, also over retries."""

from __future__ import annotations

from types import ModuleType

import dramatiq
import pytest

from actors.dispatch import dispatch
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    """The actors, run by one worker."""
    play = stage.bring("repertoire")
    stage.start("repertoire")
    return play


def test_on_success_follows_once_after_retries(stage: Stage, play: ModuleType) -> None:
    message = play.work_on_third_try.send_with_options(args=("once-s",), on_success="applaud", on_failure="boo")

    ids = _followers(stage, message.message_id, count=3)

    assert sorted(stage.rows("SELECT actor, state FROM background_job WHERE id = ANY (%s::uuid[])", ids)) == [
        ("applaud", "succeeded"),
        ("boo", "succeeded"),
        ("boo", "succeeded"),
    ]
    assert stage.trace("applause").count("'once-s'") == 1
    assert stage.trace("boos").count(message.message_id) == 2, "Dramatiq tells of each failed attempt"


def test_on_failure_and_on_retry_exhausted_follow_once_each(stage: Stage, play: ModuleType) -> None:
    message = play.try_once.send_with_options(args=("once-f",), on_failure="boo", on_retry_exhausted="give_up")

    _followers(stage, message.message_id, count=2)

    assert stage.trace("boos").count(message.message_id) == 1
    assert [line for line in stage.trace("given-up") if line.startswith(message.message_id)] == [
        f"{message.message_id} 0 0"
    ]


def test_on_retry_exhausted_says_how_often_it_was_tried(stage: Stage, play: ModuleType) -> None:
    message = play.never_work.send_with_options(args=("often",), on_retry_exhausted="give_up")

    _followers(stage, message.message_id, count=1)

    assert [line for line in stage.trace("given-up") if line.startswith(message.message_id)] == [
        f"{message.message_id} 2 2"
    ]


def test_failure_that_a_job_asked_for_tells_nobody(stage: Stage, play: ModuleType) -> None:
    message = play.decide.send_with_options(args=("reschedule", "quiet"), on_failure="boo", on_success="applaud")

    _followers(stage, message.message_id, count=1)

    assert stage.trace("boos").count(message.message_id) == 0
    assert stage.trace("applause").count("'done'") == 1


def test_pipeline_hands_each_result_on_once(stage: Stage, play: ModuleType) -> None:
    pipeline: dramatiq.pipeline = play.double.message(3) | play.double.message() | play.double.message()

    pipeline.run()  # type: ignore[no-untyped-call]
    until(lambda: len(stage.trace("doubled")) == 3, "three steps")
    ids = [row[0] for row in stage.rows("SELECT id::text FROM background_job WHERE actor = 'double'")]
    stage.await_state(ids, "succeeded")

    assert stage.trace("doubled") == ["3", "6", "12"]
    assert len(ids) == 3
    assert stage.value("SELECT count(DISTINCT correlation_id) FROM background_job WHERE actor = 'double'") == 1


def test_pipeline_stops_at_a_step_that_dies(stage: Stage, play: ModuleType) -> None:
    pipeline: dramatiq.pipeline = play.try_once.message("broken-pipe") | play.applaud.message()

    pipeline.run()  # type: ignore[no-untyped-call]
    until(lambda: stage.trace("tries-broken-pipe"), "the first step")
    head = stage.value("SELECT id::text FROM background_job WHERE actor = 'try_once' ORDER BY created_at DESC")
    stage.await_state(head, "dead")

    assert _children(stage, head) == []


def test_follow_up_of_a_dispatched_job_names_its_parent_as_its_cause(stage: Stage, play: ModuleType) -> None:
    message = play.greet.send_with_options(args=("parent",), on_success="applaud", correlation_id="the-family")

    (child,) = _followers(stage, message.message_id, count=1)

    assert stage.job(child, "causation_id, correlation_id") == (message.message_id, "the-family")


def test_jobs_that_an_actor_dispatches_are_done_once_however_often_it_asks(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.hand_out, 4)
    stage.await_state(job.job_id, "succeeded")

    children = _children(stage, job.job_id)
    stage.await_state(children, "succeeded")

    assert len(children) == 4
    assert sorted(stage.trace("stepped")) == [f"handed-{number}" for number in range(4)]


def _children(stage: Stage, parent: str) -> list[str]:
    return [row[0] for row in stage.rows("SELECT id::text FROM background_job WHERE causation_id = %s", parent)]


def _followers(stage: Stage, parent: str, *, count: int) -> list[str]:
    """Ids of the jobs that followed, once they are that many and done."""
    until(lambda: len(_children(stage, parent)) >= count, f"{count} jobs after {parent}")
    stage.await_state(parent, "succeeded", "dead")
    children = _children(stage, parent)
    stage.await_state(children, "succeeded")
    assert len(children) == count
    return children
