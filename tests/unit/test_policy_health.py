"""When a worker process is live and when it is ready, by what it last said of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policy.health import HEARTBEAT_STUCK_S, LONGEST_SILENCE_S, Pulse, not_live, not_ready, read_pulse

NOW_S = 1_000.0
GOOD = Pulse(
    pid=4711,
    master=4700,
    worker_id="w",
    code_version="1",
    queues=["default"],
    threads=8,
    lease_s=30.0,
    heartbeat_s=5.0,
    relay_period_s=1.0,
    began_s=100.0,
    written_s=NOW_S - 0.5,
    beat_s=NOW_S - 3.0,
    turned_s=NOW_S - 3.0,
    relayed_s=NOW_S - 0.7,
    registered=True,
    stopping=False,
    dead_threads=[],
    running=2,
    waiting=3,
    longest_running_s=12.0,
)


def test_process_that_beats_and_relays_is_live_and_ready() -> None:
    assert not_live(GOOD, NOW_S) == []
    assert not_ready(GOOD, NOW_S) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"written_s": NOW_S - 31}, "frozen: silent for 31 s", id="silent for a lease"),
        pytest.param({"dead_threads": ["relay"]}, "threads have died: relay", id="a thread died"),
        pytest.param(
            {"turned_s": NOW_S - HEARTBEAT_STUCK_S - 1}, "the heartbeat hangs: no turn for 181 s", id="heartbeat hangs"
        ),
        pytest.param({"turned_s": None}, "the heartbeat hangs: no turn for 900 s", id="heartbeat never turned"),
    ],
)
def test_process_that_should_be_started_anew_is_neither_live_nor_ready(changes: dict[str, Any], reason: str) -> None:
    pulse = replace(GOOD, **changes)

    assert not_live(pulse, NOW_S) == [reason]
    assert reason in not_ready(pulse, NOW_S)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"registered": False}, "not registered with the ledger", id="not registered"),
        pytest.param({"stopping": True}, "stopping", id="stopping"),
        pytest.param(
            {"beat_s": NOW_S - 26}, "starts nothing: its last beat committed 26 s ago", id="beats do not commit"
        ),
        pytest.param({"beat_s": None}, "starts nothing: its last beat committed never", id="no beat has committed"),
        pytest.param({"relayed_s": NOW_S - 11}, "its relay completed its last pass 11 s ago", id="relay behind"),
        pytest.param({"relayed_s": None}, "its relay completed its last pass never", id="relay never passed"),
    ],
)
def test_process_that_takes_no_work_is_live_all_the_same(changes: dict[str, Any], reason: str) -> None:
    pulse = replace(GOOD, **changes)

    assert not_ready(pulse, NOW_S) == [reason]
    assert not_live(pulse, NOW_S) == []


def test_stopping_process_that_drains_for_long_is_left_alone() -> None:
    draining = replace(GOOD, stopping=True, turned_s=NOW_S - 500, beat_s=NOW_S - 500, relayed_s=NOW_S - 500)

    assert not_live(draining, NOW_S) == []


def test_slow_relay_is_given_its_own_periods() -> None:
    slow = replace(GOOD, relay_period_s=20.0, relayed_s=NOW_S - 90)

    assert not_ready(slow, NOW_S) == []


def test_process_that_has_just_begun_is_given_time() -> None:
    young = replace(GOOD, began_s=NOW_S - 1, turned_s=None, relayed_s=None)

    assert not_live(young, NOW_S) == []
    assert not_ready(young, NOW_S) == []


@pytest.mark.parametrize(("lease_s", "silent_s", "live"), [(0.3, 2.9, True), (0.3, 3.1, False), (3_600, 59, True)])
def test_silence_is_bounded_whatever_the_lease(lease_s: float, silent_s: float, live: bool) -> None:
    pulse = replace(GOOD, lease_s=lease_s, written_s=NOW_S - silent_s)

    assert (not not_live(pulse, NOW_S)) is live


def test_silence_of_an_hours_lease_is_noticed_after_a_minute() -> None:
    assert not_live(replace(GOOD, lease_s=3_600.0, written_s=NOW_S - LONGEST_SILENCE_S - 1), NOW_S)


def test_pulse_reads_as_it_was_written_whatever_newer_code_adds() -> None:
    assert read_pulse({**GOOD.as_fields(), "added_later": 1}) == GOOD


def test_pulse_of_older_code_is_refused_by_the_name_of_what_it_lacks() -> None:
    older = {name: value for name, value in GOOD.as_fields().items() if name != "relayed_s"}

    with pytest.raises(ValueError, match="relayed_s"):
        read_pulse(older)
