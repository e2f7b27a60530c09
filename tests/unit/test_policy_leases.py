"""Leases: who may start, and who may call others lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.leases import beats_seen, beats_to_keep, gapless, may_start, recovery_bound_s, silent_for

LEASE_S, HEARTBEAT_S = 30.0, 5.0


@pytest.mark.parametrize(
    ("last_beat_sent_s", "allowed"),
    [(None, False), (100.0, True), (75.1, True), (75.0, False), (10.0, False)],
    ids=["never beaten", "just beaten", "before the deadline", "at the deadline", "long silent"],
)
def test_a_worker_starts_nothing_from_one_beat_before_its_lease_is_over(
    last_beat_sent_s: float | None, allowed: bool
) -> None:
    assert may_start(100.0, last_beat_sent_s, lease_s=LEASE_S, heartbeat_s=HEARTBEAT_S) is allowed


@pytest.mark.parametrize(
    ("beats_sent_s", "allowed"),
    [
        ([70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 100.0], True),
        ([69.0, 74.5, 80.0, 85.0, 90.0, 99.9], True),
        ([60.0, 70.0, 80.0, 90.0], True),
        ([], False),
        ([100.0], False),
        ([75.0, 80.0, 85.0, 90.0, 95.0, 100.0], False),
        ([70.0, 75.0, 86.0, 91.0, 96.0], False),
        ([59.0, 71.0, 76.0, 81.0, 86.0, 91.0, 96.0], False),
        ([70.0, 75.0, 80.0, 85.0, 89.0], False),
    ],
    ids=[
        "beaten for a lease",
        "beats a little late",
        "each second beat lost",
        "never beaten",
        "first beat",
        "not yet a whole lease",
        "gap in the middle",
        "gap at the lease's beginning",
        "silent since",
    ],
)
def test_a_relay_declares_losses_only_after_a_lease_without_a_gap(beats_sent_s: list[float], allowed: bool) -> None:
    assert gapless(beats_sent_s, 100.0, lease_s=LEASE_S, heartbeat_s=HEARTBEAT_S) is allowed


@given(st.floats(0.1, 60), st.floats(3, 60))
def test_the_beats_to_keep_are_enough_for_a_steady_relay(heartbeat_s: float, beats_per_lease: float) -> None:
    lease_s = heartbeat_s * beats_per_lease
    beats = [beat * heartbeat_s for beat in range(200)]

    kept = beats[-beats_to_keep(lease_s, heartbeat_s) :]

    assert gapless(kept, beats[-1], lease_s=lease_s, heartbeat_s=heartbeat_s)


@given(st.floats(0.1, 60), st.floats(3, 60), st.floats(0, 1e6))
def test_a_steady_worker_may_always_start(heartbeat_s: float, beats_per_lease: float, last_s: float) -> None:
    now_s = last_s + 1.9 * heartbeat_s

    assert may_start(now_s, last_s, lease_s=heartbeat_s * beats_per_lease, heartbeat_s=heartbeat_s)


def test_recovery_is_bounded_by_lease_two_beats_and_one_relay_period() -> None:
    assert recovery_bound_s(30, 5, 1) == 41
    assert recovery_bound_s(30, 5, 60) == 150


@given(st.lists(st.tuples(st.floats(0.01, 20), st.booleans()), min_size=1, max_size=60))
def test_worker_is_silent_only_after_a_whole_lease_of_the_observers_own_clock_without_a_beat(
    looks: list[tuple[float, bool]],
) -> None:
    seen: dict[str, tuple[int, float]] = {}
    beat, beaten_s, now_s = 0, 0.0, 0.0
    for after_s, beats in looks:
        now_s += after_s
        if beats:
            # Whatever the database's clock says: earlier, later, an hour ahead.
            beat, beaten_s = hash((beat, now_s)), now_s
        seen = beats_seen(seen, {"w": beat}, now_s)
        if silent_for(seen, now_s, lease_s=LEASE_S):
            assert now_s - beaten_s >= LEASE_S


def test_silence_is_counted_from_the_look_that_first_saw_the_beat_and_ends_with_the_worker() -> None:
    first = beats_seen({}, {"w": 1, "gone": 5}, 100.0)
    second = beats_seen(first, {"w": 1}, 130.0)

    assert silent_for(first, 129.9, lease_s=LEASE_S) == {}
    assert silent_for(second, 130.0, lease_s=LEASE_S) == {"w": 1}
    assert silent_for(beats_seen(second, {"w": 2}, 131.0), 160.9, lease_s=LEASE_S) == {}
