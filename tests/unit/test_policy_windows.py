"""Dispatch windows: aligned, in UTC, and named alike by everybody."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.windows import EPOCH, clamp_seconds, next_window, parse_key, window_at, windows_between

BERLIN = ZoneInfo("Europe/Berlin")
lengths = st.integers(15, 3_600)
#: Whole days around a microsecond of the day, from 1902 to 9998, in UTC and in a zone with summer time.
moments = st.builds(
    lambda days, offset, zone: (EPOCH + timedelta(days=days) + offset).astimezone(zone),
    st.integers(-24_800, 2_932_000),
    st.timedeltas(timedelta(0), timedelta(days=1)),
    st.sampled_from([timezone.utc, BERLIN]),
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def test_a_window_has_the_key_and_ids_of_the_contract() -> None:
    window = window_at(utc("2026-02-17T21:52:31.500"), 60, "scheduler")

    assert window.dispatch_key == "background-jobs:v1:60:2026-02-17T21:52:00.000Z"
    assert window.process_dispatch_id == "bg-process:6723b379704ec165560966e2"
    assert window.maintenance_dispatch_id == "bg-maint:6723b379704ec165560966e2"
    assert (window.source, window.seconds) == ("scheduler", 60)
    assert (window.start, window.end) == (utc("2026-02-17T21:52:00"), utc("2026-02-17T21:53:00"))


@pytest.mark.parametrize(
    ("now", "seconds", "start"),
    [
        ("2026-02-17T21:52:00", 60, "2026-02-17T21:52:00"),
        ("2026-02-17T21:52:59.999999", 60, "2026-02-17T21:52:00"),
        ("2026-02-17T21:53:00", 60, "2026-02-17T21:53:00"),
        ("1970-01-01T00:00:14", 15, "1970-01-01T00:00:00"),
        ("1969-12-31T23:59:59.999999", 60, "1969-12-31T23:59:00"),
        ("2016-12-31T23:59:59.999999", 60, "2016-12-31T23:59:00"),
        ("2017-01-01T00:00:00", 60, "2017-01-01T00:00:00"),
        ("9999-12-31T23:59:59.999999", 3_600, "9999-12-31T23:00:00"),
        ("2024-02-29T00:59:59", 3_600, "2024-02-29T00:00:00"),
        ("1970-01-01T00:00:40", 17, "1970-01-01T00:00:34"),
    ],
    ids=[
        "boundary opens",
        "last microsecond",
        "next boundary",
        "epoch",
        "before the epoch",
        "before a leap second",
        "after a leap second",
        "end of time",
        "leap day",
        "length that no hour divides by",
    ],
)
def test_a_moment_falls_into_the_window_that_began_last(now: str, seconds: int, start: str) -> None:
    assert window_at(utc(now), seconds).start == utc(start)


def test_the_hour_that_comes_twice_in_berlin_is_two_windows() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=0)
    second = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)

    keys = [window_at(moment, 3_600).dispatch_key for moment in (first, second)]

    assert keys == [
        "background-jobs:v1:3600:2026-10-25T00:00:00.000Z",
        "background-jobs:v1:3600:2026-10-25T01:00:00.000Z",
    ]


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        window_at(datetime(2026, 2, 17), 60)  # noqa: DTZ001 - the naive time is what is tested


def test_a_window_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="one second"):
        window_at(EPOCH, 0)


@given(moments, lengths)
def test_every_moment_lies_in_its_aligned_window(now: datetime, seconds: int) -> None:
    window = window_at(now, seconds)

    assert window.start <= now < window.end
    assert (window.start - EPOCH) % timedelta(seconds=seconds) == timedelta(0)


@given(moments, lengths)
def test_a_key_leads_back_to_its_window(now: datetime, seconds: int) -> None:
    window = window_at(now, seconds)

    assert parse_key(window.dispatch_key) == window


@given(moments, lengths)
def test_windows_follow_without_gap_or_overlap(now: datetime, seconds: int) -> None:
    window = window_at(now, seconds)

    following = next_window(window)

    assert following.start == window.end
    assert following == window_at(window.end, seconds)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "background-jobs:v2:60:2026-02-17T21:52:00.000Z",
        "background-jobs:v1:0:2026-02-17T21:52:00.000Z",
        "background-jobs:v1:060:2026-02-17T21:52:00.000Z",
        "background-jobs:v1:60:2026-02-17T21:52:07.000Z",
        "background-jobs:v1:60:2026-02-17T21:52:00.500Z",
        "background-jobs:v1:60:2026-02-17T21:52:00Z",
        "background-jobs:v1:60:2026-02-30T21:52:00.000Z",
        "background-jobs:v1:60:2016-12-31T23:59:60.000Z",
        "background-jobs:v1:60:2026-02-17T21:52:00.000Z\n",
        "background-jobs:v1:60:２０26-02-17T21:52:00.000Z",  # noqa: RUF001 - digits of another script
    ],
)
def test_a_key_that_no_scheduler_makes_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_key(key)


def test_missing_windows_are_those_between_the_last_and_the_current() -> None:
    missing = windows_between(utc("2026-02-17T21:50:00"), utc("2026-02-17T21:53:10"), 60)

    assert [window.start for window in missing] == [utc("2026-02-17T21:51:00"), utc("2026-02-17T21:52:00")]


@pytest.mark.parametrize(
    "last_start",
    ["2026-02-17T21:52:00", "2026-02-17T21:53:00", "2026-02-18T00:00:00"],
    ids=["the one before", "the current one", "a clock that went back"],
)
def test_nothing_is_missing_without_a_gap(last_start: str) -> None:
    assert windows_between(utc(last_start), utc("2026-02-17T21:53:10"), 60) == []


def test_of_too_many_missing_windows_the_newest_are_kept() -> None:
    missing = windows_between(EPOCH, utc("2026-02-17T21:53:10"), 60, at_most=2)

    assert [window.start for window in missing] == [utc("2026-02-17T21:51:00"), utc("2026-02-17T21:52:00")]


@given(moments, st.integers(0, 10**6), lengths, st.integers(0, 50))
def test_missing_windows_are_bounded_and_adjacent(last: datetime, away_s: int, seconds: int, at_most: int) -> None:
    now = last + timedelta(seconds=away_s)

    missing = windows_between(last, now, seconds, at_most=at_most)

    assert len(missing) <= at_most
    assert all(next_window(one) == two for one, two in pairwise(missing))
    assert all(window_at(last, seconds).start < window.start for window in missing)
    assert not missing or next_window(missing[-1]) == window_at(now, seconds)


@pytest.mark.parametrize(("seconds", "clamped"), [(-1, 15), (15, 15), (60, 60), (3_600, 3_600), (9_999, 3_600)])
def test_lengths_are_clamped_to_their_range(seconds: int, clamped: int) -> None:
    assert clamp_seconds(seconds) == clamped
