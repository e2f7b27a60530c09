"""Symptoms: what foreign errors say about themselves, read without importing a driver."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta, timezone
from email.message import Message
from email.utils import format_datetime
from http import HTTPStatus
from urllib.error import HTTPError

import peewee
import psycopg2.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.symptoms import (
    DEEPEST_CAUSE,
    LONGEST_DELAY_MS,
    causes,
    delay_s_of,
    http_status_of,
    relatives,
    retry_after_s_of,
    smtp_code_of,
    sqlstate_of,
)

NOW = datetime(2026, 2, 17, 12, tzinfo=timezone.utc)


class Foreign(Exception):
    """An error of somebody's library, with whatever attributes it has."""

    def __init__(self, **attributes: object) -> None:
        super().__init__()
        self.__dict__.update(attributes)


class Carrier:
    """A response, as clients hang it on their errors."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class SMTPResponseException(Exception):
    """As aiosmtplib names and shapes it."""

    code = 452


class Prickly(Exception):
    """An error whose properties raise, as some of httpx do."""

    @property
    def response(self) -> object:
        raise RuntimeError("no response has been set")

    status = status_code = code = headers = orig = exceptions = pgcode = response


def http_error(status: int, **headers: str) -> HTTPError:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return HTTPError("http://x", status, "no", message, None)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (http_error(404), 404),
        (Foreign(status_code=429), 429),
        (Foreign(status=HTTPStatus.BAD_GATEWAY), 502),
        (Foreign(response=Carrier(status_code=503)), 503),
        (Foreign(response=Carrier(status=500)), 500),
        (Foreign(code="insufficient_quota", status_code=429), 429),
        (Foreign(code=lambda: 404), None),
        (Foreign(status=200), None),
        (Foreign(code=1006), None),
        (Foreign(status=True), None),
        (SMTPResponseException(), None),
        (Prickly(), None),
        (ValueError(404), None),
    ],
    ids=[
        "urllib",
        "status_code",
        "enum",
        "response",
        "response.status",
        "named code",
        "gRPC's method",
        "success",
        "websocket",
        "bool",
        "SMTP",
        "prickly",
        "argument",
    ],
)
def test_http_status_is_found_where_clients_keep_it(error: BaseException, status: int | None) -> None:
    assert http_status_of(error) == status


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (smtplib.SMTPDataError(451, b"greylisted"), 451),
        (smtplib.SMTPRecipientsRefused({"a@x": (550, b"no"), "b@x": (452, b"full")}), 452),
        (smtplib.SMTPRecipientsRefused({"a@x": (550, b"no")}), 550),
        (smtplib.SMTPRecipientsRefused({}), None),
        (SMTPResponseException(), 452),
        (smtplib.SMTPServerDisconnected("gone"), None),
        (smtplib.SMTPConnectError(-1, b""), None),
        (Foreign(code=450), None),
    ],
    ids=["data", "mildest", "all for good", "nobody", "aiosmtplib", "disconnected", "no reply", "not SMTP"],
)
def test_smtp_code_is_found(error: BaseException, code: int | None) -> None:
    assert smtp_code_of(error) == code


def test_sqlstate_is_found_through_peewees_wrapper() -> None:
    driver_error = psycopg2.errors.DeadlockDetected("deadlock")
    driver_error.__setstate__({"pgcode": "40P01"})  # type: ignore[no-untyped-call]

    (link,) = causes(peewee.OperationalError(driver_error, "deadlock"))

    assert link is driver_error
    assert sqlstate_of(link) == "40P01"


@pytest.mark.parametrize("sqlstate", [None, "", "40p01", "40001x", 40001], ids=repr)
def test_what_is_no_sqlstate_is_not_taken_for_one(sqlstate: object) -> None:
    assert sqlstate_of(Foreign(sqlstate=sqlstate)) is None


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("30", 30.0),
        (" 0.5 ", 0.5),
        ("Tue, 17 Feb 2026 12:02:00 GMT", 120.0),
        ("Tue, 17 Feb 2026 12:02:00 -0000", 120.0),
        ("Tue, 17 Feb 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("9" * 400, None),
        ("Tue, 17 Feb 99999 12:02:00 GMT", None),
    ],
    ids=[
        "seconds",
        "fraction",
        "date",
        "date without zone",
        "past",
        "word",
        "negative",
        "empty",
        "absurd",
        "no year",
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(text: str, wait_s: float | None) -> None:
    assert retry_after_s_of(http_error(503, Retry_After=text), NOW) == wait_s


@pytest.mark.parametrize(
    "error",
    [
        Foreign(headers={"retry-after": "7"}),
        Foreign(response=Carrier(headers={"Retry-After": 7})),
    ],
    ids=["own headers in lower case", "response's headers"],
)
def test_retry_after_is_found_where_clients_keep_it(error: BaseException) -> None:
    assert retry_after_s_of(error, NOW) == 7.0


@given(st.text())
def test_no_header_makes_reading_it_fail(text: str) -> None:
    wait_s = retry_after_s_of(Foreign(headers={"Retry-After": text}), NOW)

    assert wait_s is None or wait_s >= 0


@given(st.integers(0, 10**8))
def test_an_http_date_is_read_to_the_second(seconds: int) -> None:
    text = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after_s_of(http_error(429, Retry_After=text), NOW) == seconds


def test_causes_are_the_explicit_ones_outermost_first() -> None:
    inner, middle, outer = ValueError("inner"), KeyError("middle"), RuntimeError("outer")
    outer.__cause__, middle.__cause__ = middle, inner
    inner.__context__ = TypeError("merely being handled")

    assert list(causes(outer)) == [outer, middle, inner]


def test_a_ring_of_causes_ends() -> None:
    one, two = ValueError(), ValueError()
    one.__cause__, two.__cause__ = two, one

    assert len(list(causes(one))) == DEEPEST_CAUSE
    assert list(relatives(one)) == [one, two]


def test_a_group_of_one_is_seen_through_and_of_several_is_not() -> None:
    single, several = Foreign(exceptions=(ValueError(),)), Foreign(exceptions=(ValueError(), KeyError()))

    assert [type(link) for link in causes(single)] == [ValueError]
    assert list(causes(several)) == [several]
    assert {type(error) for error in relatives(several)} == {Foreign, ValueError, KeyError}


@pytest.mark.parametrize(
    ("delay_ms", "delay_s"),
    [
        (1_500, 1.5),
        (0, 0.0),
        (-7, 0.0),
        (10**400, LONGEST_DELAY_MS / 1_000),
        (float("nan"), 0.0),
        (True, None),
    ],
    ids=["usual", "none", "negative", "beyond any float", "not a number", "bool"],
)
def test_a_delay_in_milliseconds_is_read_in_seconds(delay_ms: object, delay_s: float | None) -> None:
    assert delay_s_of(Foreign(delay=delay_ms)) == delay_s
