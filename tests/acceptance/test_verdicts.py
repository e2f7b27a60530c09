"""What an actor says of its own failure is what becomes of its job, in rows."""

from __future__ import annotations

import itertools
from types import ModuleType

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


def test_terminal_is_dead_at_once_with_a_letter_in_both_places(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.decide, "terminal", "v-terminal")
    stage.await_state(job.job_id, "dead")

    assert stage.attempts(job.job_id, "status, verdict, rule") == [("FAILED", "terminal", "terminal")]
    assert stage.letter(job.job_id) == ("terminal", "Terminal", "OPEN")
    assert stage.value("SELECT error_message FROM dead_letter WHERE job_id = %s", job.job_id) == "sold out"
    letter = stage.value("SELECT redis_message_id FROM dead_letter WHERE job_id = %s", job.job_id)
    until(lambda: stage.redis.hexists("dramatiq:default.XQ.msgs", letter), "the same entry in Redis")


def test_unknown_outcome_is_dead_and_never_retried(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.decide, "unknown", "v-unknown")
    stage.await_state(job.job_id, "dead")

    assert stage.attempts(job.job_id, "status, verdict, rule") == [("FAILED", "unknown", "outcome-unknown")]
    assert stage.letter(job.job_id) == ("outcome_unknown", "OutcomeUnknown", "OPEN")


def test_cancelled_is_closed_quietly(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.decide, "cancelled", "v-cancelled")
    stage.await_state(job.job_id, "cancelled")

    assert stage.attempts(job.job_id, "status, verdict, error_class") == [("CANCELLED", "cancel", None)]
    assert stage.letter(job.job_id) is None
    assert stage.job(job.job_id, "holds_key, attempts_spent") == (False, 0)


@pytest.mark.parametrize(
    ("what", "status", "throttles"),
    [
        pytest.param("throttled", "FAILED", 1, id="throttled spends a throttle"),
        pytest.param("reschedule", "RESCHEDULED", 0, id="reschedule spends nothing"),
    ],
)
def test_job_that_is_to_wait_runs_again_at_its_time(
    stage: Stage, play: ModuleType, what: str, status: str, throttles: int
) -> None:
    job = dispatch(play.decide, what, f"v-{what}")
    stage.await_state(job.job_id, "succeeded")

    assert stage.attempts(job.job_id) == [status, "SUCCEEDED"]
    assert stage.job(job.job_id, "attempts, attempts_spent, throttles") == (2, 0, throttles)
    times = [float(text) for text in stage.trace(f"tries-v-{what}")]
    ((earlier, later),) = itertools.pairwise(times)
    assert 1.1 <= later - earlier <= 1.2 + 4


def test_job_that_fails_twice_and_then_works_succeeds(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.work_on_third_try, "v-third")
    stage.await_state(job.job_id, "succeeded")

    assert stage.attempts(job.job_id, "attempt, status") == [(1, "FAILED"), (2, "FAILED"), (3, "SUCCEEDED")]
    assert stage.job(job.job_id, "attempts_spent, result") == (2, "v-third")
    (first, _, _) = stage.attempts(job.job_id, "error_class, error_message, traceback, fingerprint")
    assert first[:2] == ("ConnectionError", "v-third was not reached")
    assert "work_on_third_try" in first[2]
    assert first[3]
    assert stage.letter(job.job_id) is None


def test_dead_job_lets_go_of_its_key(stage: Stage, play: ModuleType) -> None:
    dead = dispatch(play.decide, "terminal", "v-key", dispatch_key="v-key")
    stage.await_state(dead.job_id, "dead")

    second = dispatch(play.decide, "terminal", "v-key", dispatch_key="v-key")
    stage.await_state(second.job_id, "succeeded")

    assert second.job_id != dead.job_id
    assert stage.job(dead.job_id, "state, holds_key") == ("dead", False)
