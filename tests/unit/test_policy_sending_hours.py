"""Sending hours: what a text says, and the next opening, compared with a walk minute by minute over real clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.sending_hours import SendingHours, Window, is_open, next_opening, read_hours, write_hours

UTC = timezone.utc
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
MINUTE = timedelta(minutes=1)

#: Around each of these moments (UTC) the zone's clock is changed: by an hour, by half of one, at midnight, by a day.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, 0, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, 5, 0, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 5, 0, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, 0, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
]

windows = st.builds(
    lambda day, opens, length: Window(day, opens, min(opens + length, 1_440 + opens - 1)),
    st.integers(0, 6),
    st.integers(0, 1_439),
    st.integers(1, 1_439),
)
weeks = st.lists(windows, max_size=4).map(lambda some: SendingHours(tuple(sorted(set(some)))))


def berlin(text: str) -> datetime:
    """A moment by Berlin's clock; of a time that it shows twice the first."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def opening(hours: str, now: datetime, zone: ZoneInfo = BERLIN) -> datetime | None:
    return next_opening(read_hours(hours), now, zone)


@given(weeks, st.sampled_from(CHANGES), st.integers(-3_000, 1_000), st.integers(0, 59))
def test_next_opening_is_the_first_open_minute(
    hours: SendingHours, change: tuple[str, datetime], minutes: int, seconds: int
) -> None:
    zone = ZoneInfo(change[0])
    now = change[1] + timedelta(minutes=minutes, seconds=seconds)

    found = next_opening(hours, now, zone)

    walked = next((at for at in walk(now, minutes=2 * 1_440) if is_open(hours, at, zone)), None)
    if walked is not None:
        assert found == walked
    else:
        assert found is None or (found > now + timedelta(days=2) and is_open(hours, found, zone))


def walk(now: datetime, *, minutes: int) -> list[datetime]:
    """`now` and the whole minutes after it."""
    first = now.replace(second=0) + MINUTE
    return [now, *(first + number * MINUTE for number in range(minutes))]


@given(weeks, st.integers(0, 36 * 525_960), st.sampled_from([one[0] for one in CHANGES]))
def test_any_week_with_a_window_opens_within_sixteen_days(hours: SendingHours, minutes: int, name: str) -> None:
    at, zone = datetime(2000, 1, 1, tzinfo=UTC) + minutes * MINUTE, ZoneInfo(name)

    found = next_opening(hours, at, zone)

    if not hours.windows:
        assert found is None
    else:
        assert found is not None
        assert at <= found <= at + timedelta(days=16)
        assert is_open(hours, found, zone)


@given(weeks)
def test_what_is_written_is_read_as_the_same_hours(hours: SendingHours) -> None:
    text = write_hours(hours)

    assert read_hours(text) == hours
    assert write_hours(read_hours(text)) == text


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-02T08:59:59", "2026-03-02T09:00"),
        ("2026-03-02T12:30", "2026-03-02T13:30"),
        ("2026-03-06T17:00", "2026-03-07T22:00"),
        ("2026-03-08T02:00", "2026-03-09T09:00"),
    ],
    ids=["a second before", "at noon", "after the last of a week", "past the midnight that it crosses"],
)
def test_closed_hours_open_at_the_next_window(now: str, opens: str) -> None:
    found = opening("mon-fri 09:00-12:30 13:30-17:00, sat 22:00-02:00", berlin(now))

    assert found == berlin(opens)


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_opens() -> None:
    hours = read_hours("sat 22:00-02:00")

    assert is_open(hours, berlin("2026-03-08T01:59"), BERLIN)
    assert not is_open(hours, berlin("2026-03-07T01:59"), BERLIN)


def test_an_opening_that_the_clock_skips_is_the_change_itself() -> None:
    found = opening("sun 02:30-05:00", berlin("2026-03-29T01:10"))

    assert found == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_window_that_the_clock_skips_whole_opens_a_week_later() -> None:
    found = opening("sun 02:00-03:00", berlin("2026-03-29T01:10"))

    assert found == berlin("2026-04-05T02:00")


def test_a_window_that_the_clock_shows_twice_is_open_twice() -> None:
    first, second = datetime(2026, 10, 25, 0, 15, tzinfo=UTC), datetime(2026, 10, 25, 1, 15, tzinfo=UTC)

    found = [opening("sun 02:15-02:30", now) for now in (first - MINUTE, first + 20 * MINUTE)]

    assert found == [first, second]


def test_a_clock_that_is_put_back_into_a_window_opens_it() -> None:
    found = opening("sun 01:30-02:30", datetime(2026, 10, 25, 0, 45, tzinfo=UTC))

    assert found == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


def test_a_day_that_a_zone_skips_whole_is_waited_for_two_weeks() -> None:
    apia = ZoneInfo("Pacific/Apia")

    found = opening("fri 09:00-10:00", datetime(2011, 12, 23, 22, 0, tzinfo=UTC), apia)

    assert found == datetime(2012, 1, 6, 9, 0, tzinfo=apia)


def test_the_same_hours_open_by_each_clock() -> None:
    now = datetime(2026, 3, 20, 12, 59, tzinfo=UTC)

    found = [opening("mon-fri 09:00-17:00", now, zone) for zone in (BERLIN, NEW_YORK)]

    assert found == [now, now + MINUTE]  # 13:59 in Berlin; 08:59 in New York, which has its summer time already


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ALWAYS", "always"),
        ("never", "never"),
        ("mon-sun 00:00-24:00", "always"),
        ("fri-mon  10:00-12:00", "mon 10:00-12:00, fri-sun 10:00-12:00"),
        ("tue 09:00-10:00,mon 09:00-10:00", "mon-tue 09:00-10:00"),
        ("sat 22:00-00:00", "sat 22:00-24:00"),
    ],
)
def test_texts_are_read_in_any_order_and_case(text: str, said: str) -> None:
    assert write_hours(read_hours(text)) == said


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "''"),
        ("mon", "'mon'"),
        ("mon 9:00-17:00", "'mon 9:00-17:00'"),
        ("mon-fri 09:00-17:00; sat 10:00-12:00", "sat 10:00-12:00"),
        ("moo 09:00-17:00", "'moo' is no day"),
        ("mon 09:00-25:00", "'25:00' is no time of day"),
        ("mon 09:00-09:00", "opens and closes at once"),
        ("mon 24:00-08:00", "a whole day is 00:00-24:00"),
        ("always, mon 09:00-10:00", "'always'"),
    ],
)
def test_text_that_says_no_hours_is_refused_with_its_piece(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"none of always|is no|at once") as refused:
        read_hours(text)

    assert wrong in str(refused.value)
