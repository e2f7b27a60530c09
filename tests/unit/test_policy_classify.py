"""Which verdict a failure gets, and by which rule."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta, timezone

import dramatiq.errors
import dramatiq.middleware
import pytest
import redis.exceptions
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import Cancelled, OutcomeUnknown, Reschedule, Terminal, Throttled
from policy.verdicts import RULES, Budgets, Verdict, VerdictKind, classify

NOW = datetime(2026, 2, 17, 12, tzinfo=timezone.utc)
LATER = NOW + timedelta(hours=1)
RATE_LIMITED: Exception = dramatiq.errors.RateLimitExceeded("busy")  # type: ignore[no-untyped-call]
PLENTY = Budgets(attempts_spent=0, attempts_allowed=5)


class HttpError(Exception):
    """As most HTTP clients shape it."""

    def __init__(self, status_code: int, retry_after: str | None = None) -> None:
        super().__init__()
        self.status_code = status_code
        self.headers = {} if retry_after is None else {"Retry-After": retry_after}


class SqlError(Exception):
    """As psycopg shapes it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__()
        self.sqlstate = sqlstate


def judge(error: BaseException, budgets: Budgets = PLENTY) -> Verdict:
    return classify(error, 1, budgets, now=NOW)


def raised_from(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


TABLE = [
    # What the job said itself.
    (OutcomeUnknown(), "unknown", "outcome-unknown"),
    (Cancelled(), "cancel", "cancelled"),
    (Reschedule(run_at=LATER), "reschedule", "rescheduled"),
    (Throttled(retry_after_s=5), "throttled", "throttled"),
    (Terminal("no such lead"), "terminal", "terminal"),
    (dramatiq.middleware.Shutdown(), "reschedule", "shutdown"),
    (dramatiq.errors.Retry("again"), "retry", "dramatiq-retry"),
    # HTTP.
    (HttpError(429), "throttled", "http-429"),
    (HttpError(503, "30"), "throttled", "http-retry-after"),
    (HttpError(403, "60"), "throttled", "http-retry-after"),
    *[(HttpError(status), "terminal", "http-refused") for status in (400, 401, 403, 404, 410, 422, 451)],
    *[(HttpError(status), "retry", "http-passing") for status in (408, 409, 412, 423, 425)],
    *[(HttpError(status), "retry", "http-server") for status in (500, 502, 503, 504, 529)],
    (HttpError(418), "retry", "unclassified"),
    # SMTP.
    *[(smtplib.SMTPDataError(code, b"later"), "throttled", "smtp-later") for code in (421, 450, 451, 452)],
    *[(smtplib.SMTPDataError(code, b"no"), "terminal", "smtp-refused") for code in (535, 550, 552, 554)],
    (
        smtplib.SMTPRecipientsRefused({"a@x": (550, b"no"), "b@x": (451, b"later")}),
        "throttled",
        "smtp-later",
    ),
    (smtplib.SMTPServerDisconnected("gone"), "retry", "connection"),
    # SQL.
    *[
        (SqlError(state), "retry", "sql-passing")
        for state in (
            "08006",
            "25006",
            "28P01",
            "40001",
            "40P01",
            "53300",
            "55P03",
            "57014",
            "57P01",
            "XX000",
        )
    ],
    *[(SqlError(state), "retry", "sql-conflict") for state in ("23503", "23505", "23P01")],
    *[
        (SqlError(state), "terminal", "sql-refused")
        for state in ("22001", "22P02", "23502", "23514", "42601", "42P01", "42501", "44000", "54000")
    ],
    (SqlError("0A000"), "retry", "unclassified"),
    # What can be guessed from the class.
    (RATE_LIMITED, "throttled", "rate-limited"),
    (dramatiq.middleware.TimeLimitExceeded(), "retry", "time-limit"),
    (MemoryError(), "retry", "out-of-memory"),
    (TimeoutError(), "retry", "timeout"),
    (redis.exceptions.TimeoutError(), "retry", "timeout"),
    (ConnectionRefusedError(), "retry", "connection"),
    (ConnectionResetError(), "retry", "connection"),
    (redis.exceptions.ConnectionError(), "retry", "connection"),
    # Python's own mistakes may hang on data that changes.
    (TypeError(), "retry", "unclassified"),
    (ValueError(), "retry", "unclassified"),
    (KeyError("x"), "retry", "unclassified"),
    (SystemExit(1), "retry", "unclassified"),
]


def row_name(value: object) -> str:
    if not isinstance(value, BaseException):
        return str(value)
    details = [getattr(value, name, None) for name in ("status_code", "smtp_code", "sqlstate")]
    return " ".join([type(value).__name__, *(str(detail) for detail in details if detail)])


@pytest.mark.parametrize(("error", "kind", "rule"), TABLE, ids=row_name)
def test_a_failure_is_judged_by_its_rule(error: BaseException, kind: str, rule: str) -> None:
    verdict = judge(error)

    assert (verdict.kind, verdict.rule) == (kind, rule)


def test_every_rule_has_an_id_of_its_own_and_a_description() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.description for rule in RULES)


def test_every_rule_is_met_by_the_tests_here() -> None:
    met = {rule for _, _, rule in TABLE} | {"throws", "retry-when", "retry-when-refused", "retry-when-broken"}

    assert {rule.id for rule in RULES} <= met


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (Throttled(retry_after_s=5), 5.0),
        (HttpError(429, "30"), 30.0),
        (HttpError(503, "Tue, 17 Feb 2026 12:01:00 GMT"), 60.0),
        (HttpError(429), None),
        (dramatiq.errors.Retry("again", delay=1_500), 1.5),
        (dramatiq.errors.Retry("again", delay=0), 0.0),
        (dramatiq.errors.Retry("again"), None),
        (smtplib.SMTPDataError(450, b"later"), None),
    ],
    ids=[
        "actor",
        "seconds",
        "date",
        "no time named",
        "Retry",
        "Retry at once",
        "Retry without delay",
        "SMTP",
    ],
)
def test_a_time_that_the_failure_names_is_taken(error: BaseException, wait_s: float | None) -> None:
    assert judge(error).wait_s == wait_s


def test_a_reschedule_carries_the_time_asked_for() -> None:
    assert judge(Reschedule("quiet hours", run_at=LATER)).run_at == LATER


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Terminal("no such lead"), "no such lead"),
        (Terminal(), ""),
        (HttpError(404), "HTTP 404"),
        (smtplib.SMTPDataError(550, b"a@x.example is unknown"), "SMTP 550"),
        (SqlError("22001"), "SQLSTATE 22001"),
        (ValueError("a secret"), ""),
    ],
    ids=["actor's own", "none", "HTTP", "SMTP", "SQL", "other"],
)
def test_the_reason_holds_codes_and_never_the_errors_text(error: BaseException, reason: str) -> None:
    assert judge(error).reason == reason


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

    assert verdict == Verdict(
        VerdictKind.TERMINAL, "retry-when-broken", reason="retry_when raised AttributeError"
    )


# Whatever an error carries.

oddities = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.floats(), st.just(len), st.just({})
)
ATTRIBUTES = (
    "status status_code code headers response recipients smtp_code pgcode sqlstate delay orig exceptions"
)


@given(st.dictionaries(st.sampled_from(ATTRIBUTES.split()), oddities))
def test_no_error_is_too_odd_to_be_judged(attributes: dict[str, object]) -> None:
    error = type("Retry", (Exception,), {})()
    error.__dict__.update(attributes)

    verdict = judge(error)

    assert isinstance(verdict.kind, VerdictKind)
