"""Sending rates: what a text says, and whose turn it is once a rate is used up."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.sending_rates import MOST, PERIOD_MOST_S, Rate, free_at, read_rate, turn, write_rate

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)
rates = st.builds(Rate, st.integers(1, MOST), st.integers(1, 9_999))


@given(rates)
def test_what_is_written_is_read_as_the_same_rate(rate: Rate) -> None:
    assert read_rate(write_rate(rate)) == rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/h", Rate(100, 3_600)),
        (" 3/D ", Rate(3, 86_400)),
        ("50/10m", Rate(50, 600)),
        ("1/1s", Rate(1, 1)),
        ("1/31d", Rate(1, PERIOD_MOST_S)),
        ("none", None),
    ],
)
def test_rates_are_read(text: str, rate: Rate | None) -> None:
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["", "5", "5/", "5/w", "-1/h", "1.5/h", "0/h", "100001/h", "1/32d", "1/0s", "many/h"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no rate|it is from"):
        read_rate(text)


@given(st.integers(1, 50), st.integers(1, 3_600), st.integers(0, 200))
def test_everybody_who_waits_gets_a_place_and_no_period_holds_more_than_the_rate(
    most: int, period_s: int, waiting: int
) -> None:
    """Places as a queue takes them: the rate is used up within one period, then each takes its turn."""
    rate = Rate(most, period_s)
    newest_first = [NOON - timedelta(seconds=period_s) * number / most for number in range(most)]

    turns = [turn(rate, ahead) for ahead in range(waiting)]
    places = [free_at(rate, one, newest_first[one.newest - 1]) for one in turns]

    went = sorted(newest_first) + sorted(places)
    assert all(
        later - earlier >= timedelta(seconds=period_s) for earlier, later in zip(went, went[most:], strict=False)
    )
    assert places == sorted(places)


def test_the_first_who_waits_takes_the_place_of_the_oldest() -> None:
    rate = Rate(3, 60)

    assert free_at(rate, turn(rate, 0), NOON) == NOON + timedelta(seconds=60)
    assert [turn(rate, waiting).newest for waiting in range(4)] == [3, 2, 1, 3]
    assert [turn(rate, waiting).periods for waiting in range(4)] == [1, 1, 1, 2]
