"""The tree of errors: messages from docstrings, and somebody named to act."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo

import pytest

from policy.errors import (
    CallboardError,
    DispatchContended,
    InvariantRefused,
    Reschedule,
    ServersNotFound,
    SettingInvalid,
    Terminal,
    Throttled,
)

NOON = datetime(2026, 2, 17, 12, tzinfo=timezone.utc)


def below(error_class: type[CallboardError]) -> Iterator[type[CallboardError]]:
    for child in error_class.__subclasses__():
        yield child
        yield from below(child)


@pytest.mark.parametrize("error_class", list(below(CallboardError)), ids=lambda error: error.__name__)
def test_each_error_says_who_must_act(error_class: type[CallboardError]) -> None:
    text = error_class.__doc__ or ""

    assert "Acts: " in text


def test_the_first_line_of_the_docstring_is_the_default_message() -> None:
    assert str(DispatchContended()) == (DispatchContended.__doc__ or "").strip().splitlines()[0]


def test_a_message_given_replaces_the_default() -> None:
    assert str(ServersNotFound("no server at 127.0.0.1:5432")) == "no server at 127.0.0.1:5432"


def test_an_actors_reason_is_kept_apart_from_the_default_message() -> None:
    assert Terminal("the lead is gone").reason == "the lead is gone"
    assert Terminal().reason == ""
    assert "dead" in str(Terminal())


def test_reschedule_keeps_its_time_and_reason() -> None:
    error = Reschedule("quiet hours", run_at=NOON)

    assert (error.run_at, error.reason) == (NOON, "quiet hours")


class Nowhere(tzinfo):
    """A zone that knows no offset: as naive as no zone."""

    def tzname(self, moment: datetime | None) -> str | None:
        return None

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None


@pytest.mark.parametrize("zone", [None, Nowhere()], ids=["no zone", "zone without offset"])
def test_reschedule_refuses_a_naive_time(zone: tzinfo | None) -> None:
    with pytest.raises(ValueError, match="aware"):
        Reschedule(run_at=NOON.replace(tzinfo=zone))


@pytest.mark.parametrize("retry_after_s", [-1.0, float("nan"), float("inf")])
def test_throttled_refuses_a_wait_that_is_none(retry_after_s: float) -> None:
    with pytest.raises(ValueError, match="retry_after_s"):
        Throttled(retry_after_s=retry_after_s)


def test_a_refused_invariant_carries_its_stable_name() -> None:
    error = InvariantRefused("live_claim")

    assert (error.reason, str(error)) == ("live_claim", "refused: live_claim")


def test_an_invalid_setting_is_one_line_even_if_the_value_is_not() -> None:
    message = str(SettingInvalid("CALLBOARD_LEASE_SECONDS", "a\nb", "a number from 1 to 2 s"))

    assert message == r"CALLBOARD_LEASE_SECONDS='a\nb' is not valid: allowed is a number from 1 to 2 s"
