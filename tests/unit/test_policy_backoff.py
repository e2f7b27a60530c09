"""Backoff: doubling, a little jitter, a cap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.backoff import retry_delay_s

rands = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("failures", "low_s", "high_s"),
    [(1, 2, 3), (2, 4, 5), (3, 8, 9), (9, 512, 513), (10, 900, 900), (10_000_000, 900, 900)],
    ids=str,
)
def test_delay_doubles_up_to_a_quarter_of_an_hour(failures: int, low_s: float, high_s: float) -> None:
    assert retry_delay_s(failures, 0.0) == low_s
    assert high_s - 0.01 <= retry_delay_s(failures, 0.999) <= high_s


def test_jitter_is_no_longer_than_a_short_backoff() -> None:
    assert retry_delay_s(1, 0.5, min_backoff_ms=10) == pytest.approx(0.025)


def test_a_limit_below_the_first_backoff_wins() -> None:
    assert retry_delay_s(1, 0.9, min_backoff_ms=60_000, max_backoff_ms=5_000) == 5.0


@given(st.integers(0, 10**9), rands, st.integers(0, 10**9), st.integers(0, 10**9))
def test_delay_is_never_negative_nor_above_its_limit(
    failures: int, rand: float, min_backoff_ms: int, max_backoff_ms: int
) -> None:
    delay_s = retry_delay_s(failures, rand, min_backoff_ms=min_backoff_ms, max_backoff_ms=max_backoff_ms)

    assert 0 <= delay_s <= max_backoff_ms / 1_000


@given(st.integers(1, 80), rands, rands)
def test_a_later_failure_never_waits_less(failures: int, rand: float, other: float) -> None:
    assert retry_delay_s(failures, rand) <= retry_delay_s(failures + 1, other) + 1e-9
