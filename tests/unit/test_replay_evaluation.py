"""What a draft is worth: decision, critical invariants, objective checks, the judge, and the second pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from uuid import UUID

import psycopg2
import pytest

from messaging.drafts import DraftText
from messaging.invariants import DraftContext
from messaging.replay.attempts import Harness, run_case
from messaging.replay.cases import CaseResult, CaseStatus, FailureType, Judgement, Produced, ReplayCase
from messaging.replay.evaluation import Bar, evaluate
from messaging.replay.sealing import Sealed
from policy.errors import NotFound, Terminal

AT = datetime(2026, 3, 2, 14, tzinfo=timezone.utc)
GOOD = "Hello Lea,\n\nwhich days and times would suit you for a call?\n\nThe Callboard team"
BAR = Bar(62, (40, 80))


def case(body: str = "Could we set up a call this week?", never_answer: str | None = None) -> ReplayCase:
    return ReplayCase(UUID(int=1), UUID(int=2), "acme", "email", "A call", body, AT, never_answer)


def produced(body: str = GOOD, inbound: str = "Could we set up a call this week?") -> Produced:
    return Produced(DraftText("Re: A call", body, "p.v1", "m", "0" * 64), DraftContext(inbound, AT, known_prices=()))


class Judge:
    """Gives its scores one after the other; what is no number is raised."""

    def __init__(self, *scores: int | Exception) -> None:
        self.scores = list(scores)
        self.firsts: list[Judgement | None] = []

    def judge(self, _case: object, _produced: object, _history: Sequence[object], first: Judgement | None) -> Judgement:
        self.firsts.append(first)
        score = self.scores.pop(0)
        if isinstance(score, Exception):
            raise score
        return Judgement(score, (f"says {score}",))


def evaluated(*scores: int | Exception, draft: str = GOOD) -> tuple[CaseResult, Judge]:
    judge = Judge(*scores)
    return evaluate(case(), produced(draft), BAR, judge, lambda _: ()), judge


@pytest.mark.parametrize("score", [81, 39, 0, 100])
def test_a_clear_score_is_the_last_word(score: int) -> None:
    result, judge = evaluated(score)

    assert (result.score, result.adjudication) == (score, None)
    assert judge.firsts == [None]


@pytest.mark.parametrize("score", [40, 62, 80])
def test_a_borderline_score_is_decided_by_a_second_pass_that_knows_the_first(score: int) -> None:
    result, judge = evaluated(score, 90)

    assert result.score == 90
    assert judge.firsts == [None, Judgement(score, (f"says {score}",))]


@pytest.mark.parametrize(("score", "status"), [(62, CaseStatus.EVALUATED), (61, CaseStatus.FAILED)])
def test_the_threshold_itself_is_enough(score: int, status: CaseStatus) -> None:
    result, _ = evaluated(50, score)

    assert result.status is status


def test_a_draft_is_as_good_as_its_worse_opinion() -> None:
    result, _ = evaluated(100, draft=GOOD + "\n\nAs an AI language model I cannot say more.")

    assert (result.objective_score, result.score) == (50, 50)
    assert result.failure_type is FailureType.QUALITY
    assert "machine_talk" in str(result.failure)


def test_a_draft_that_breaks_an_invariant_is_not_put_to_the_judge() -> None:
    result, judge = evaluated(draft=" \n")

    assert [each.name for each in result.violations] == ["empty_draft"]
    assert (result.status, result.failure_type, result.score) == (CaseStatus.FAILED, FailureType.QUALITY, 0)
    assert judge.firsts == []


def test_without_a_judge_the_objective_score_stands() -> None:
    result = evaluate(case(), produced(), BAR, None, lambda _: ())

    assert (result.status, result.score, result.judgement) == (CaseStatus.EVALUATED, 100, None)


def test_not_answering_a_lead_is_a_wrong_decision() -> None:
    result = evaluate(case(), Produced(None, refusal="no mood"), BAR, None, lambda _: ())

    assert (result.failure_type, result.failure) == (FailureType.DECISION, "not answered: no mood")


def test_not_answering_a_machine_is_right() -> None:
    result = evaluate(case(never_answer="bulk"), Produced(None, refusal="bulk"), BAR, None, lambda _: ())

    assert result.status is CaseStatus.EVALUATED


WORSE = {
    "unoffered_time": ("How about 4:17 AM?", "Tell me more."),
    "ignores_refusal": ("How about a call this week? When would suit you?", "No thanks, we are not interested."),
    "machine_talk": ("Here is a draft reply for the lead.", "Hello?"),
    "leaves_meeting": ("Thank you for your message.", "Could we set up a call this week?"),
    "passes_over_price": ("Thank you. We will write soon.", "How much is it?"),
    "markup": ("This is **very** good of you.", "Hello?"),
    "too_long": ("word " * 400, "Hello?"),
    "placeholder_left": ("Hello [Name], thank you.", "Hello?"),
    "invented_price": ("It costs $49 a month.", "How much is it?"),
}


@pytest.mark.parametrize("check", WORSE)
def test_a_check_finds_what_it_is_for_and_lets_a_good_draft_be(check: str) -> None:
    draft, inbound = WORSE[check]

    bad = evaluate(case(inbound), produced(draft, inbound), BAR, None, lambda _: ())
    good = evaluate(case(), produced(), BAR, None, lambda _: ())

    assert check in {each.check for each in bad.findings}
    assert bad.score is not None
    assert bad.score < 100
    assert good.findings == []


def harness(pipeline: Callable[[ReplayCase], Produced], *scores: int | Exception, retries: int = 0) -> Harness:
    judge = Judge(*scores) if scores else None
    return Harness(pipeline, BAR, judge, lambda _: (), retries, threading.Event())


def _raising(*errors: Exception) -> Callable[[ReplayCase], Produced]:
    waiting = list(errors)

    def pipeline(_: ReplayCase) -> Produced:
        if waiting:
            raise waiting.pop(0)
        return produced()

    return pipeline


@pytest.mark.parametrize(
    ("error", "failure_type"),
    [
        (RuntimeError("no"), FailureType.GENERATION),
        (TimeoutError("late"), FailureType.GENERATION),
        (NotFound("gone"), FailureType.SELECTION),
        (psycopg2.OperationalError("away"), FailureType.INFRA),
        (Sealed("out"), FailureType.EXECUTION),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_pipeline_raises_is_charged_to_where_it_went_wrong(
    error: Exception, failure_type: FailureType
) -> None:
    result = run_case(case(), harness(_raising(error)))

    assert (result.status, result.failure_type) == (CaseStatus.FAILED, failure_type)


def test_a_judge_that_fails_leaves_the_draft_and_is_charged() -> None:
    result = run_case(case(), harness(lambda _: produced(), ValueError("two\nlines")))

    assert (result.failure_type, result.failure) == (FailureType.JUDGE, "ValueError: two lines")
    assert result.produced == produced()


def test_another_attempt_is_made_where_it_may_work_and_the_draft_is_not_written_again() -> None:
    written: list[ReplayCase] = []

    def pipeline(one: ReplayCase) -> Produced:
        written.append(one)
        return produced()

    result = run_case(case(), harness(pipeline, TimeoutError("late"), 90, retries=1))

    assert (result.status, result.attempts, len(written)) == (CaseStatus.EVALUATED, 2, 1)


def test_no_other_attempt_is_made_where_none_can_work() -> None:
    result = run_case(case(), harness(_raising(Terminal("never")), retries=5))

    assert (result.failure_type, result.attempts) == (FailureType.GENERATION, 1)


def test_a_run_that_is_being_stopped_makes_no_other_attempt() -> None:
    stopped = harness(_raising(TimeoutError("late"), TimeoutError("late")), retries=5)
    stopped.stopping.set()

    result = run_case(case(), stopped)

    assert result.attempts == 1
