"""What a tick makes of a window it finds; the metadata on the wire; the attempts' months."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.dispatch_metadata import DispatchMetadata, parse
from policy.partitions import expired_partitions, month_start, months_to_have, partition_name
from policy.states import WindowStatus
from policy.ticks import DISPATCHING_PATIENCE_S, FoundWindow, judge_window

FIRST, LAST = datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2200-01-01")
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.just(timezone.utc))


@pytest.mark.parametrize(
    ("status", "age_s", "verdict"),
    [
        pytest.param("ENQUEUED", 1e9, FoundWindow.SUPPRESS, id="enqueued, however old"),
        pytest.param("INLINE_EMERGENCY", 1e9, FoundWindow.SUPPRESS, id="run inline, however old"),
        pytest.param("ENQUEUE_FAILED", 0, FoundWindow.TRY_AGAIN, id="failed just now"),
        pytest.param("DISPATCHING", 0, FoundWindow.SUPPRESS, id="somebody is at it"),
        pytest.param("DISPATCHING", DISPATCHING_PATIENCE_S, FoundWindow.SUPPRESS, id="at the end of its patience"),
        pytest.param("DISPATCHING", DISPATCHING_PATIENCE_S + 0.001, FoundWindow.TRY_AGAIN, id="left behind"),
        pytest.param("DISPATCHING", -60, FoundWindow.SUPPRESS, id="a clock that went back"),
    ],
)
def test_found_window_is_judged_by_status_and_age(status: str, age_s: float, verdict: FoundWindow) -> None:
    assert judge_window(WindowStatus(status), age_s) is verdict


@given(MOMENTS, MOMENTS, st.integers(15, 3_600), st.text(min_size=1))
def test_metadata_survives_the_wire_to_the_millisecond(
    requested_at: datetime, start: datetime, seconds: int, source: str
) -> None:
    told = DispatchMetadata(source, requested_at, "key", "family", start, seconds)

    read = parse(told.on_the_wire())

    assert (read.source, read.dispatch_key, read.correlation_id, read.window_seconds) == (
        source,
        "key",
        "family",
        seconds,
    )
    assert abs(read.requested_at - requested_at) < timedelta(milliseconds=1)
    assert abs(read.window_start - start) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "missing", ["source", "requestedAt", "dispatchKey", "correlationId", "windowStart", "windowSeconds"]
)
def test_metadata_without_a_field_is_refused_by_its_name(missing: str) -> None:
    moment = datetime(2026, 2, 17, tzinfo=timezone.utc)
    told: dict[str, Any] = DispatchMetadata("cron", moment, "key", "family", moment, 60).on_the_wire()
    del told[missing]

    with pytest.raises(ValueError, match=missing):
        parse(told)


@pytest.mark.parametrize(
    "value", ["2026-02-17T21:52:00", "yesterday", 5, None], ids=["no zone", "no time", "number", "null"]
)
def test_metadata_with_a_bad_time_is_refused(value: object) -> None:
    moment = datetime(2026, 2, 17, tzinfo=timezone.utc)
    told = DispatchMetadata("cron", moment, "key", "family", moment, 60).on_the_wire()

    with pytest.raises(ValueError, match="windowStart"):
        parse(told | {"windowStart": value})


def test_periods_before_two_neighbouring_windows_meet_without_overlap() -> None:
    moment = datetime(2026, 2, 17, 21, 52, tzinfo=timezone.utc)
    first = DispatchMetadata("cron", moment, "key", "family", moment, 60)
    second = DispatchMetadata("cron", moment, "key", "family", moment + timedelta(seconds=60), 60)

    assert first.before[1] == second.before[0]


@given(MOMENTS)
def test_months_to_have_begin_with_the_present_one_and_follow_each_other(now: datetime) -> None:
    months = months_to_have(now)

    assert months[0] <= now < months[1] < months[2]
    assert [month_start(one, 1) for one in months[:-1]] == months[1:]


def test_month_is_taken_in_utc() -> None:
    new_year_in_auckland = datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=13)))

    assert partition_name(new_year_in_auckland) == "background_function_run_2025_12"


@given(MOMENTS, st.integers(1, 400), st.integers(-40, 40))
def test_partition_is_expired_only_when_all_of_it_is_older_than_retention(
    now: datetime, days: int, months: int
) -> None:
    month = month_start(now, months)
    last_moment = month_start(month, 1) - timedelta(microseconds=1)

    expired = expired_partitions([partition_name(month)], now, days)

    assert bool(expired) == (last_moment < now - timedelta(days=days))


def test_tables_of_another_kind_are_never_expired() -> None:
    now = datetime(2026, 2, 17, tzinfo=timezone.utc)
    names = ["background_function_run_default", "background_function_run_1990_13", "background_job", "x_1990_01"]

    assert expired_partitions(names, now, 1) == []
