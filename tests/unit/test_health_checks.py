"""Checks on threads of their own: fresh answers are kept, a hanging server holds up one thread and no answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from middleware import health_checks
from middleware.health_checks import Check, Checks

DEADLINE_S = 10.0


def until(look: Callable[[], bool]) -> None:
    deadline_s, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not look():
        assert time.monotonic() < deadline_s
        pause.wait(0.005)


def asked(check: Check) -> Checks:
    checks = Checks({"server": check})
    checks.ask()
    return checks


def test_good_answer_has_no_reason() -> None:
    checks = asked(lambda: None)

    until(checks.settled)

    assert checks.answers()["server"].reason is None


def test_reason_is_told() -> None:
    checks = asked(lambda: "behind by 2")

    until(checks.settled)

    assert checks.answers()["server"].reason == "behind by 2"


def test_error_is_named_by_its_class_never_by_its_text() -> None:
    def check() -> None:
        raise ConnectionError("postgresql://user:secret@10.0.0.1")

    checks = asked(check)

    until(checks.settled)

    assert checks.answers()["server"].reason == "does not answer (ConnectionError)"


def test_hanging_check_is_asked_once_and_told_of() -> None:
    release, calls = threading.Event(), []

    def check() -> None:
        calls.append(1)
        release.wait(DEADLINE_S)

    checks = asked(check)
    until(lambda: bool(calls))

    for _ in range(100):
        checks.ask()
    reason = checks.answers()["server"].reason

    assert (reason or "").startswith("no answer for ")
    assert calls == [1]
    release.set()
    until(checks.settled)
    assert checks.answers()["server"].reason is None


def test_last_answer_counts_while_the_next_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_checks, "FRESH_S", 0.0)
    release, calls = threading.Event(), []

    def check() -> None:
        calls.append(1)
        if len(calls) > 1:
            release.wait(DEADLINE_S)

    checks = asked(check)
    until(lambda: checks.answers()["server"].reason is None)
    checks.ask()
    until(lambda: len(calls) == 2)

    assert checks.answers()["server"].reason is None
    monkeypatch.setattr(health_checks, "STALE_S", 0.0)
    assert (checks.answers()["server"].reason or "").startswith("no answer for ")
    release.set()


def test_fresh_answer_is_not_asked_for_again() -> None:
    calls: list[int] = []
    checks = asked(lambda: calls.append(1))
    until(checks.settled)

    checks.ask()

    assert checks.settled()
    assert calls == [1]
