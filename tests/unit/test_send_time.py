"""When a reply goes out: drawn from the id, within the range, never in the past."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.send_time import FLOOR_S, drawn_delay_s, is_zone, send_at, zone_named
from tests.unit.source_tree import ROOT

SENT = datetime(2026, 3, 2, 10, 0, tzinfo=timezone.utc)


@given(st.uuids(), st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_delay_lies_within_its_range_and_is_the_same_for_the_same_id(
    lead_message_id: UUID, least_s: int, width_s: int
) -> None:
    drawn = drawn_delay_s(lead_message_id, least_s, least_s + width_s)

    assert least_s <= drawn <= least_s + width_s
    assert drawn == drawn_delay_s(UUID(str(lead_message_id)), least_s, least_s + width_s)


def test_the_delays_of_many_ids_reach_both_ends_of_the_range() -> None:
    drawn = {drawn_delay_s(UUID(int=number), 10, 14) for number in range(200)}

    assert drawn == {10, 11, 12, 13, 14}


def test_a_range_of_nothing_sends_at_once() -> None:
    at = send_at(UUID(int=1), SENT, SENT + timedelta(days=1), 0, 0)

    assert at is None


def test_the_delay_counts_from_when_the_lead_wrote() -> None:
    at = send_at(UUID(int=1), SENT, SENT + timedelta(seconds=10), 60, 60)

    assert at == SENT + timedelta(seconds=60)


@pytest.mark.parametrize("late_s", [60, 61, 86_400])
def test_a_time_that_has_passed_becomes_half_a_minute_from_now(late_s: int) -> None:
    now = SENT + timedelta(seconds=late_s)

    at = send_at(UUID(int=1), SENT, now, 60, 60)

    assert at == now + timedelta(seconds=FLOOR_S)


@pytest.mark.parametrize("name", ["", "Nowhere/Atlantis", "../etc/passwd", "Europe/Berlin\x00"])
def test_a_zone_that_there_is_not_is_utc(name: str) -> None:
    zone = zone_named(name)

    assert SENT.astimezone(zone).utcoffset() == timedelta(0)


def test_a_zone_is_found_by_its_name() -> None:
    zone = zone_named("Europe/Berlin")

    assert SENT.astimezone(zone).utcoffset() == timedelta(hours=1)


def test_a_zone_is_found_where_the_system_has_none() -> None:
    """As in a slim image: then the tzdata package is all there is (docs/decisions/0005)."""
    found = subprocess.run(
        [sys.executable, "-c", "from messaging.send_time import is_zone; print(is_zone('Pacific/Apia'))"],
        env={"PYTHONTZPATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout == "True\n"


@given(st.uuids(), st.integers(1, 10_000), st.integers(0, 10_000), st.integers(-10_000, 100_000))
def test_the_time_is_the_drawn_one_or_the_floor_ahead_and_never_past(
    lead_message_id: UUID, least_s: int, width_s: int, late_s: int
) -> None:
    now, most_s = SENT + timedelta(seconds=late_s), least_s + width_s

    at = send_at(lead_message_id, SENT, now, least_s, most_s)

    drawn = SENT + timedelta(seconds=drawn_delay_s(lead_message_id, least_s, most_s))
    assert at == (drawn if drawn > now else now + timedelta(seconds=FLOOR_S))


@pytest.mark.parametrize(("name", "there"), [("Europe/Berlin", True), ("UTC", True), ("", False), ("../etc", False)])
def test_a_zone_is_known_by_its_name(name: str, there: bool) -> None:
    assert is_zone(name) is there
