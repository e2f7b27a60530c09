"""Errors as foreign libraries shape them, and how the tests of verdicts judge them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import dramatiq.errors

from policy.verdicts import Budgets, Verdict, classify

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
    """The verdict on the first attempt's error, at noon."""
    return classify(error, 1, budgets, now=NOW)


def raised_from(outer: BaseException, inner: BaseException) -> BaseException:
    """`outer` as `raise outer from inner` leaves it."""
    outer.__cause__ = inner
    return outer


def row_name(value: object) -> str:
    """A readable id for a row: the class and the code that matters."""
    if not isinstance(value, BaseException):
        return str(value)
    details = [getattr(value, name, None) for name in ("status_code", "smtp_code", "sqlstate")]
    return " ".join([type(value).__name__, *(str(detail) for detail in details if detail)])
