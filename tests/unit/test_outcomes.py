"""From what an actor did to the finish that is written, whatever its error, its result and its options are."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import finish_report, outcomes
from policy.errors import Cancelled, Reschedule, Terminal
from policy.states import DeadReason, JobState, RunStatus
from tests.unit.test_in_hand import held


class Unprintable(Exception):
    """An error whose own text raises."""

    def __str__(self) -> str:
        raise RuntimeError


def raised(error: BaseException) -> BaseException:
    """The error with a traceback, as an actor leaves it."""
    try:
        raise error
    except BaseException as caught:
        return caught


def message(**options: Any) -> dramatiq.Message[Any]:
    """A message with these options."""
    return dramatiq.Message("default", "actor", (), {}, options)


@pytest.mark.parametrize("text", ["", "a\x00b", "\ud800", "é" * 100_000])
def test_failure_holds_only_texts_that_a_row_takes(text: str) -> None:
    failure = outcomes.failure_of(raised(ValueError(text)))

    for stored in (failure.error_class, failure.message, failure.traceback, failure.fingerprint):
        assert "\x00" not in stored
        assert len(stored.encode()) <= 8_000


@pytest.mark.parametrize("text", ["", " \n"])
def test_error_without_a_text_says_its_class(text: str) -> None:
    failure = outcomes.failure_of(raised(TimeoutError(text)))

    assert failure.message == "TimeoutError"


def test_error_whose_text_raises_is_recorded_all_the_same() -> None:
    failure = outcomes.failure_of(raised(Unprintable()))

    assert failure.error_class == "Unprintable"
    assert "RuntimeError" in failure.message


def test_success_carries_its_result_and_no_verdict() -> None:
    done = outcomes.finish_of(held(), None, {"a": 1}, ())

    assert (done.status, done.state, done.result, done.verdict) == ("SUCCEEDED", "succeeded", '{"a": 1}', None)


def test_claim_that_never_started_has_no_duration() -> None:
    done = outcomes.finish_of(held(), None, None, ())

    assert (done.started_after_s, done.duration_s) == (None, None)


def test_judgement_becomes_the_finish() -> None:
    judgement = outcomes.judge(StubBroker(), message(), held(), raised(Terminal("no such lead")))

    done = outcomes.finish_of(held(), judgement, None, ())

    assert (done.status, done.state, done.death, done.verdict) == ("FAILED", "dead", "terminal", "terminal")
    assert done.failure is not None
    assert done.failure.message == "no such lead"


def test_reschedule_is_no_failure() -> None:
    one = held()

    judgement = outcomes.judge(StubBroker(), message(), one, raised(Reschedule(run_at=one.database_now())))

    assert judgement.failure is None
    assert judgement.decision.status is RunStatus.RESCHEDULED


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Reschedule("too early", run_at=datetime.now(timezone.utc)), "reschedule (rescheduled): too early"),
        (Cancelled("not wanted"), "cancel (cancelled): not wanted"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_status_document_says_why_it_is_not_done(error: BaseException, told: str) -> None:
    one = held()
    judgement = outcomes.judge(StubBroker(), message(), one, raised(error))

    status = finish_report.status(one, outcomes.finish_of(one, judgement, None, ()))

    assert (status.status, status.last_error) == ("failed", told)


def test_status_document_of_a_skipped_message_names_the_rule() -> None:
    one = held()

    status = finish_report.status(one, outcomes.finish_of(one, outcomes.cancelled("skipped"), None, ()))

    assert (status.status, status.last_error) == ("failed", "cancel (skipped)")


@pytest.mark.parametrize("options", [{"min_backoff": "soon"}, {"max_backoff": [1]}])
def test_options_that_are_not_of_their_kind_still_leave_a_plain_judgement(options: dict[str, Any]) -> None:
    error = raised(ValueError("no"))
    with pytest.raises((TypeError, ValueError)):
        outcomes.judge(StubBroker(), message(**options), held(), error)

    judgement = outcomes.judge_plainly(held(), error)

    assert judgement.decision.status is RunStatus.FAILED
    assert judgement.decision.state is JobState.PENDING
    assert judgement.decision.spends_attempt


def test_plain_judgement_minds_the_budget() -> None:
    one = held()
    one.claim = one.claim._replace(attempts_spent=4)

    judgement = outcomes.judge_plainly(one, raised(ValueError()))

    assert judgement.decision.dead_reason is DeadReason.EXHAUSTED


@pytest.mark.parametrize("throws", [["ValueError"], "ValueError", 7, {"a": 1}])
def test_throws_that_came_as_json_is_ignored(throws: object) -> None:
    judgement = outcomes.judge(StubBroker(), message(throws=throws), held(), raised(ValueError()))

    assert judgement.decision.state is JobState.PENDING
