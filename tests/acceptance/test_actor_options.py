"""Dramatiq's own actor options keep their meaning in a worker of ours."""

from __future__ import annotations

from types import ModuleType

import pytest

from actors.dispatch import dispatch
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    """The actors, run by one worker."""
    play = stage.bring("repertoire")
    stage.start("repertoire", threads=2)
    return play


def test_max_retries_allows_one_attempt_more(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.never_work, "retries")

    stage.await_state(job.job_id, "dead")

    assert stage.job(job.job_id, "attempts, attempts_spent, attempts_allowed") == (3, 3, 3)
    assert stage.attempts(job.job_id, "status, verdict") == [("FAILED", "retry")] * 3
    assert stage.letter(job.job_id) == ("exhausted", "RuntimeError", "OPEN")
    assert len(stage.trace("tries-retries")) == 3


def test_max_retries_of_zero_allows_one_attempt(stage: Stage, play: ModuleType) -> None:
    message = play.try_once.send("zero")

    until(lambda: stage.trace("tries-zero"), "the attempt")
    stage.await_state(message.message_id, "dead")

    assert stage.attempts(message.message_id) == ["FAILED"]
    assert stage.letter(message.message_id) == ("exhausted", "RuntimeError", "OPEN")


def test_max_retries_of_none_is_for_ever(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.try_for_ever, "ever")

    stage.await_state(job.job_id, "succeeded")

    assert stage.job(job.job_id, "attempts, attempts_allowed") == (8, None)


def test_max_retries_of_a_message_goes_before_its_actors(stage: Stage, play: ModuleType) -> None:
    message = play.never_work.send_with_options(args=("fewer",), max_retries=0)

    until(lambda: stage.trace("tries-fewer"), "the attempt")
    stage.await_state(message.message_id, "dead")

    assert stage.attempts(message.message_id) == ["FAILED"]


def test_backoff_stays_within_the_actors_limits(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.work_on_third_try, "backoff")

    stage.await_state(job.job_id, "succeeded")

    first, second, third = map(float, stage.trace("tries-backoff"))
    assert 0.1 <= second - first <= 0.15 + 3, "50 ms doubled, a jitter of 50 ms, and what relay and machine take"
    assert 0.2 <= third - second <= 0.25 + 3
    assert stage.attempts(job.job_id, "status, error_class, rule") == [
        ("FAILED", "ConnectionError", "connection"),
        ("FAILED", "ConnectionError", "connection"),
        ("SUCCEEDED", None, None),
    ]


def test_error_named_in_throws_is_dead_at_once(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.throw, "throws")

    stage.await_state(job.job_id, "dead")

    assert stage.attempts(job.job_id, "status, verdict, rule") == [("FAILED", "terminal", "throws")]
    assert stage.letter(job.job_id) == ("terminal", "KeyError", "OPEN")


def test_retry_when_decides_instead_of_max_retries(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.retry_while_told, "when")

    stage.await_state(job.job_id, "dead")

    assert stage.attempts(job.job_id, "status, rule") == [
        ("FAILED", "retry-when"),
        ("FAILED", "retry-when-refused"),
    ]
    assert stage.letter(job.job_id) == ("exhausted", "ValueError", "OPEN")


def test_time_limit_interrupts_the_actor(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.dawdle, "limit")

    stage.await_state(job.job_id, "dead")

    assert stage.trace("interrupted-limit") == ["TimeLimitExceeded"]
    ((status, rule, error, duration_ms),) = stage.attempts(job.job_id, "status, rule, error_class, duration_ms")
    assert (status, rule, error) == ("FAILED", "time-limit", "TimeLimitExceeded")
    assert 400 <= duration_ms < 5_000


def test_worker_goes_on_working_after_a_time_limit(stage: Stage, play: ModuleType) -> None:
    slow = [dispatch(play.dawdle, f"again-{number}").job_id for number in range(3)]
    quick = [dispatch(play.greet, f"after-{number}").job_id for number in range(5)]

    stage.await_end([*slow, *quick])

    assert stage.states(slow) == {"dead": 3}
    assert stage.states(quick) == {"succeeded": 5}


def test_message_past_its_max_age_is_never_run_and_becomes_a_dead_letter(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.expire, "old", delay_ms=900)

    stage.await_state(job.job_id, "dead")

    assert stage.trace("tries-old") == []
    assert stage.letter(job.job_id)[0] == "expired"


def test_message_within_its_max_age_is_run(stage: Stage, play: ModuleType) -> None:
    message = play.expire.send_with_options(args=("young",), max_age=60_000)

    until(lambda: stage.trace("tries-young"), "the run")
    stage.await_state(message.message_id, "succeeded")

    assert stage.attempts(message.message_id) == ["SUCCEEDED"]


def test_async_actor_runs_and_its_result_is_stored(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.sing, "la")

    stage.await_state(job.job_id, "succeeded")

    assert stage.trace("sung") == ["la"]
    assert stage.job(job.job_id, "result") == "la la"


def test_messages_with_priorities_are_all_done(stage: Stage, play: ModuleType) -> None:
    actors = [play.matter_little, play.matter_most]
    ids = [dispatch(actors[number % 2], f"priority-{number}").job_id for number in range(30)]

    stage.await_state(ids, "succeeded")

    assert sorted(stage.trace("priorities")) == sorted(f"priority-{number}" for number in range(30))
