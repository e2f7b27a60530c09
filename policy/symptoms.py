"""What a foreign error says about itself: status, SQLSTATE, SMTP code, Retry-After, the names of its classes.

No driver is imported: its errors are known by attributes and class names. Judging is left to `policy.rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

#: Causes followed at most; real chains are two or three long, and a chain may be a ring.
DEEPEST_CAUSE = 8

_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
_SECONDS = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*")

#: A year: longer delays are mistakes, and an int may be too large for a float.
LONGEST_DELAY_MS = 366 * 86_400_000

#: Status codes of HTTP and SMTP that speak of failure.
_FAILURES = range(400, 600)


def class_names(error: BaseException) -> frozenset[str]:
    """The bare names of the error's class and of all it inherits from."""
    return frozenset(base.__name__ for base in type(error).__mro__)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it was explicitly raised from, outermost first.

    Wrappers that keep the driver's own error in `.orig` (peewee, SQLAlchemy) are seen through,
    and so is a group of a single error.
    """
    link: BaseException | None = error
    for _ in range(DEEPEST_CAUSE):
        if link is None:
            return
        inner = _wrapped(link)
        if inner is None:
            yield link
        link = inner if inner is not None else link.__cause__


def relatives(error: BaseException) -> Iterator[BaseException]:
    """Every error this one was raised from, raised while handling, wraps or holds as a group; each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__, _wrapped(link), *_members(link)]


def sqlstate_of(error: BaseException) -> str | None:
    """The five characters by which SQL databases name an error (PostgreSQL manual, appendix A)."""
    for name in ("sqlstate", "pgcode"):
        value = _read(error, name)
        if isinstance(value, str) and _SQLSTATE.fullmatch(value):
            return value
    return None


def http_status_of(error: BaseException) -> int | None:
    """The HTTP status 400 to 599 that the error or its response carries; never an SMTP code."""
    if speaks_smtp(error):
        return None
    response = _read(error, "response")
    carriers = [(error, ("status_code", "status", "code")), (response, ("status_code", "status"))]
    for carrier, names in carriers:
        for name in names:
            status = _failure_code(_read(carrier, name))
            if status is not None:
                return status
    return None


def smtp_code_of(error: BaseException) -> int | None:
    """The SMTP reply code 400 to 599. Of several refused recipients the mildest: one may yet accept."""
    recipients = _read(error, "recipients")
    if isinstance(recipients, Mapping):
        answers = [answer[0] for answer in recipients.values() if isinstance(answer, tuple) and answer]
        return min(filter(None, map(_failure_code, answers)), default=None)
    code = _failure_code(_read(error, "smtp_code"))
    if code is None and speaks_smtp(error):
        code = _failure_code(_read(error, "code"))
    return code


def speaks_smtp(error: BaseException) -> bool:
    """Whether the error comes from a mail client (smtplib, aiosmtplib)."""
    return any(name.startswith("SMTP") for name in class_names(error))


def retry_after_s_of(error: BaseException, now: datetime) -> float | None:
    """Seconds from `now` to what `Retry-After` names in seconds or as an HTTP date (RFC 9110 §10.2.3)."""
    for carrier in (_read(error, "response"), error):
        text = _header(_read(carrier, "headers"), "Retry-After")
        if text is not None:
            return _seconds_until(text, now)
    return None


def delay_s_of(error: BaseException) -> float | None:
    """Seconds of the `delay` in milliseconds that Dramatiq's `Retry` carries."""
    delay_ms = _read(error, "delay")
    if isinstance(delay_ms, bool) or not isinstance(delay_ms, (int, float)):
        return None
    return min(delay_ms, LONGEST_DELAY_MS) / 1_000 if delay_ms > 0 else 0.0


def _seconds_until(text: str, now: datetime) -> float | None:
    seconds = _SECONDS.fullmatch(text)
    if seconds:
        return float(seconds[1])
    try:
        moment = parsedate_to_datetime(text)
        # RFC 5322's "-0000" gives a naive time; HTTP dates are always in GMT.
        aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return max((aware - now).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None


def _header(headers: object, name: str) -> str | None:
    get = _read(headers, "get")
    if not callable(get):
        return None
    for spelling in (name, name.lower()):
        try:
            value = get(spelling)
        except Exception:  # a foreign object must not keep its error from being judged
            return None
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return str(value)
    return None


def _failure_code(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value in _FAILURES:
        return int(value)
    return None


def _wrapped(error: BaseException) -> BaseException | None:
    original = _read(error, "orig")
    if isinstance(original, BaseException) and original is not error:
        return original
    members = _members(error)
    return members[0] if len(members) == 1 else None


def _members(error: BaseException) -> tuple[BaseException, ...]:
    # Exception groups are known by shape: Python 3.10 has none of its own.
    members = _read(error, "exceptions")
    if not isinstance(members, (tuple, list)):
        return ()
    return tuple(member for member in members if isinstance(member, BaseException))


def _read(carrier: object, name: str) -> object:
    try:
        return getattr(carrier, name, None)
    except Exception:  # a property of a foreign error may raise anything (httpx: RuntimeError)
        return None
