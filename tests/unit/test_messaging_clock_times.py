"""Times of day as people write them, and numbers that are none."""

from __future__ import annotations

import pytest

from messaging.guardrails.clock_times import find_times
from messaging.guardrails.plain_text import normalised


def clock(minutes: frozenset[int]) -> set[str]:
    return {f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes}


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("3pm", [{"15:00"}]),
        ("3 p.m.", [{"15:00"}]),
        ("3:30 PM", [{"15:30"}]),
        ("4.30pm", [{"16:30"}]),
        ("12am", [{"00:00"}]),
        ("12pm", [{"12:00"}]),
        ("15:00", [{"15:00"}]),
        ("09:30", [{"09:30"}]),
        ("9:30", [{"09:30", "21:30"}]),
        ("15 Uhr", [{"15:00"}]),
        ("um 15.30 Uhr", [{"15:30"}]),
        ("um halb drei", [{"02:30", "14:30"}]),
        ("à 15h", [{"15:00"}]),
        ("15h30", [{"15:30"}]),
        ("noon", [{"12:00"}]),
        ("midnight", [{"00:00"}]),
        ("half past two", [{"02:30", "14:30"}]),
        ("quarter to three", [{"02:45", "14:45"}]),
        ("at ten to three", [{"02:50", "14:50"}]),
        ("ten thirty", [{"10:30", "22:30"}]),
        ("two-thirty pm", [{"14:30"}]),
        ("three in the afternoon", [{"15:00"}]),
        ("3 o\u2019clock", [{"03:00", "15:00"}]),
        ("at 3", [{"03:00", "15:00"}]),
        ("at 3-ish", [{"03:00", "15:00"}]),
        ("at 3 or 4", [{"03:00", "15:00"}, {"04:00", "16:00"}]),
        ("2 and 4pm", [{"02:00", "14:00"}, {"16:00"}]),
        ("2, 3 or 4pm", [{"02:00", "14:00"}, {"03:00", "15:00"}, {"16:00"}]),
        ("9am/10am", [{"09:00"}, {"10:00"}]),
        ("2026-03-03T15:00:00Z", [{"15:00"}]),
    ],
)
def test_written_time_is_read(text: str, readings: list[set[str]]) -> None:
    assert [clock(time.minutes) for time in find_times(normalised(text))] == readings


@pytest.mark.parametrize(
    ("text", "begin", "until"),
    [
        ("10-11am", "10:00", "11:00"),
        ("11-1pm", "11:00", "13:00"),
        ("10am \u2013 2pm", "10:00", "14:00"),
        ("between 2 and 4pm", "14:00", "16:00"),
        ("3:00pm-3:30pm", "15:00", "15:30"),
        ("14:00-15:30", "14:00", "15:30"),
        ("from 2pm until 4pm", "14:00", "16:00"),
    ],
)
def test_range_is_one_time_with_an_end(text: str, begin: str, until: str) -> None:
    (time,) = find_times(normalised(text))

    assert time.until is not None
    assert (clock(time.minutes), clock(time.until)) == ({begin}, {until})


@pytest.mark.parametrize(
    ("text", "zone"),
    [("3pm EST", "EST"), ("(10am PT)", "PT"), ("15:00 UTC+2", "UTC+2"), ("3pm ist gut", ""), ("3pm", "")],
)
def test_zone_beside_a_time_is_read(text: str, zone: str) -> None:
    assert find_times(normalised(text))[0].zone == zone


@pytest.mark.parametrize(
    "text",
    [
        "$3pm",
        "it costs $15.00",
        "15.00 EUR",
        "v3.10",
        "version 2.3",
        "release 10.30",
        "call 555-1030",
        "+1 415 555 1030",
        "2-3 days",
        "at 3 locations",
        "from 10 to 15 people",
        "24/7 support",
        "50pm",
        "at 10,000 users",
        "five to ten people",
        "two thirty-minute calls",
        "a 15 minute call",
        "a 1:30 hour call",
        "for 3 years",
        "16:9",
        "1:1 call",
        "at 3.5% interest",
        "https://example.com/10:30",
        "before 5 March",
        "2 to 3 weeks",
        "at 6 Main Street",
        "About 3/4 of them",
        "2h of work",
        "25:00",
        "10:75",
        "in the afternoon",
        "1500 hours",
    ],
)
def test_number_that_only_looks_like_a_time_is_passed_over(text: str) -> None:
    assert find_times(normalised(text)) == []
