"""Which verdict a failure gets, and by which rule."""

from __future__ import annotations

import smtplib

import dramatiq.errors
import dramatiq.middleware
import pytest
import redis.exceptions
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import (
    Cancelled,
    FollowUpUnbuildable,
    FollowUpUnknown,
    NotYet,
    OutcomeUnknown,
    Reschedule,
    Terminal,
    Throttled,
)
from policy.verdicts import RULES, VerdictKind
from tests.unit.foreign_errors import LATER, RATE_LIMITED, HttpError, SqlError, judge, row_name

TABLE = [
    # What the job said itself.
    (OutcomeUnknown(), "unknown", "outcome-unknown"),
    (Cancelled(), "cancel", "cancelled"),
    (Reschedule(run_at=LATER), "reschedule", "rescheduled"),
    (NotYet("outside_sending_hours", run_at=LATER), "reschedule", "rescheduled"),
    (Throttled(retry_after_s=5), "throttled", "throttled"),
    (Terminal("no such lead"), "terminal", "terminal"),
    (FollowUpUnbuildable(), "terminal", "follow-up-unbuildable"),
    (FollowUpUnknown(), "retry", "follow-up-unknown"),
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


# Whatever an error carries.

oddities = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(), st.just(len), st.just({}))
ATTRIBUTES = "status status_code code headers response recipients smtp_code pgcode sqlstate delay orig exceptions"


@given(st.dictionaries(st.sampled_from(ATTRIBUTES.split()), oddities))
def test_no_error_is_too_odd_to_be_judged(attributes: dict[str, object]) -> None:
    error = type("Retry", (Exception,), {})()
    error.__dict__.update(attributes)

    verdict = judge(error)

    assert isinstance(verdict.kind, VerdictKind)
