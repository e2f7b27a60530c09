"""Verdicts on wrapped errors, and under the actor's options `throws` and `retry_when`."""

from __future__ import annotations

import dramatiq.errors
import dramatiq.middleware
import pytest

from policy.errors import Cancelled, OutcomeUnknown, Reschedule, Terminal, Throttled
from policy.verdicts import Budgets, Verdict, VerdictKind
from tests.unit.foreign_errors import LATER, RATE_LIMITED, HttpError, SqlError, judge, raised_from, row_name

# Wrappers.


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (raised_from(RuntimeError("drafting failed"), HttpError(404)), "http-refused"),
        (raised_from(RuntimeError(), raised_from(KeyError(), SqlError("40001"))), "sql-passing"),
        (raised_from(RuntimeError(), Throttled(retry_after_s=9)), "throttled"),
        (raised_from(ConnectionError(), HttpError(404)), "connection"),
        (raised_from(Terminal(), ConnectionError()), "terminal"),
        (raised_from(RuntimeError(), ValueError()), "unclassified"),
    ],
    ids=[
        "wrapped",
        "twice wrapped",
        "actor's word wrapped",
        "outer speaks",
        "actor decides",
        "nothing to find",
    ],
)
def test_an_error_that_says_nothing_is_judged_by_its_cause(error: BaseException, rule: str) -> None:
    assert judge(error).rule == rule


def implicit() -> BaseException:
    error = ValueError("clean-up failed")
    error.__context__ = OutcomeUnknown()
    return error


@pytest.mark.parametrize(
    "error",
    [
        raised_from(Terminal("send failed"), OutcomeUnknown()),
        raised_from(Reschedule(run_at=LATER), raised_from(HttpError(503), OutcomeUnknown())),
        implicit(),
    ],
    ids=["behind the actor's word", "deep", "while handling it"],
)
def test_an_unknown_outcome_is_never_hidden_by_a_later_error(error: BaseException) -> None:
    budgets = Budgets(0, None, throws=(Exception,), retry_when=lambda retries, error: True)

    assert judge(error, budgets).kind is VerdictKind.UNKNOWN


def test_an_error_merely_being_handled_says_nothing_of_this_one() -> None:
    error = ValueError()
    error.__context__ = HttpError(404)

    assert judge(error).rule == "unclassified"


# The actor's options.


@pytest.mark.parametrize("error", [KeyError("x"), HttpError(503, "30"), ConnectionError()], ids=row_name)
def test_an_error_named_by_throws_is_terminal(error: BaseException) -> None:
    budgets = Budgets(0, None, throws=(LookupError, HttpError, OSError))

    assert judge(error, budgets) == Verdict(
        VerdictKind.TERMINAL, "throws", reason="HTTP 503" if isinstance(error, HttpError) else ""
    )


def test_throws_looks_at_the_error_as_it_was_raised() -> None:
    error = raised_from(RuntimeError(), KeyError())

    assert judge(error, Budgets(0, None, throws=(KeyError,))).rule == "unclassified"


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (dramatiq.middleware.Shutdown(), "shutdown"),
        (Throttled(retry_after_s=1), "throttled"),
        (Cancelled(), "cancelled"),
    ],
    ids=row_name,
)
def test_the_actors_own_word_and_shutdown_come_before_its_options(error: BaseException, rule: str) -> None:
    asked: list[int] = []

    def retry_when(retries: int, error: BaseException) -> bool:
        asked.append(retries)
        return True

    budgets = Budgets(0, 5, throws=(BaseException,), retry_when=retry_when)

    assert judge(error, budgets).rule == rule
    assert asked == []


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (ValueError(), "retry-when"),
        (HttpError(404), "retry-when"),
        (HttpError(429, "30"), "http-429"),
        (dramatiq.errors.Retry("again", delay=9), "dramatiq-retry"),
    ],
    ids=row_name,
)
def test_a_yes_of_retry_when_outranks_what_the_table_would_give_up(error: BaseException, rule: str) -> None:
    verdict = judge(error, Budgets(7, 5, retry_when=lambda retries, error: True))

    assert (verdict.rule, verdict.final) == (rule, False)


@pytest.mark.parametrize("error", [ValueError(), HttpError(429), RATE_LIMITED], ids=row_name)
def test_a_no_of_retry_when_is_final(error: BaseException) -> None:
    verdict = judge(error, Budgets(0, 5, retry_when=lambda retries, error: False))

    assert (verdict.kind, verdict.rule, verdict.final) == (VerdictKind.RETRY, "retry-when-refused", True)


def test_retry_when_is_asked_once_with_the_failures_before_this_one_and_the_error_raised() -> None:
    asked: list[tuple[int, BaseException]] = []
    error = raised_from(RuntimeError(), KeyError())

    def retry_when(retries: int, error: BaseException) -> bool:
        asked.append((retries, error))
        return True

    judge(error, Budgets(3, 5, retry_when=retry_when))

    assert asked == [(3, error)]


def test_a_retry_when_that_fails_itself_kills_the_job_by_name() -> None:
    def broken(retries: int, error: BaseException) -> bool:
        raise AttributeError("typo")

    verdict = judge(ValueError(), Budgets(0, None, retry_when=broken))

    assert verdict == Verdict(VerdictKind.TERMINAL, "retry-when-broken", reason="retry_when raised AttributeError")
