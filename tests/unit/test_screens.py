"""Text for people and JSON for machines: aligned, cut where it must be, and harmless."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.readings.wording import age, ago, moment, plural, span
from policy.states import JobState
from scripts.screens import Column, harmless, named_values, plain, shown, table, text_width

NOON = datetime(2026, 2, 17, 12, 0, tzinfo=timezone.utc)

Row = tuple[str, str, str]

COLUMNS: list[Column[Row]] = [
    Column("NAME", lambda row: row[0]),
    Column("LONG", lambda row: row[1], gives_way=True),
    Column("COUNT", lambda row: row[2], right=True),
]


def test_columns_are_aligned_left_and_right() -> None:
    lines = list(table(COLUMNS, [("a", "bb", "1"), ("cccccc", "d", "100000")]))

    assert lines == [
        "NAME    LONG   COUNT",
        "a       bb         1",
        "cccccc  d     100000",
    ]


def test_column_that_gives_way_is_cut_until_the_row_fits() -> None:
    lines = list(table(COLUMNS, [("name", "x" * 100, "7")], 30))

    assert lines[1] == f"name  {'x' * 16}…      7"
    assert all(len(line) <= 30 for line in lines)


def test_column_that_does_not_give_way_is_never_cut() -> None:
    lines = list(table(COLUMNS, [("n" * 40, "x" * 20, "7")], 30))

    assert "n" * 40 in lines[1]
    assert f"  {'x' * 7}…  " in lines[1]


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=5))
def test_every_row_is_one_printable_line_of_the_same_columns(rows: list[Row]) -> None:
    lines = list(table(COLUMNS, rows))

    assert len(lines) == 1 + len(rows)
    assert all("\n" not in line and "\x1b" not in line for line in lines)


def test_wide_signs_take_two_columns_and_combining_ones_none() -> None:
    lines = list(table(COLUMNS, [("日本", "e\u0301", "1"), ("abcd", "e", "2")]))

    assert text_width("日本e\u0301") == 5
    assert [text_width(line) for line in lines[1:]] == [len(lines[2])] * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\t c", "a b c"),
        ("\x1b[31mred", "·[31mred"),
        ("a\u202eb", "a·b"),
        ("\x00", "·"),
        ("\ud800", "·"),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_text_is_made_harmless_for_a_terminal(text: str, expected: str) -> None:
    assert harmless(text) == expected


def test_values_of_several_lines_stand_below_their_name() -> None:
    lines = list(named_values({"state": "dead", "traceback": "one\n  two", "nothing": None, "empty": ""}))

    assert lines == ["state      dead", "traceback", "    one", "      two", "nothing    -", "empty      -"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        (True, "yes"),
        (NOON, "2026-02-17 12:00:00"),
        (1.5, "1.5"),
        (2.0, "2"),
        (["a", "b"], "a, b"),
        ([], "-"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, expected: str) -> None:
    assert shown(value) == expected


@dataclass(frozen=True, slots=True)
class Thing:
    at: datetime
    id: UUID
    state: JobState
    inner: tuple[int, ...]


def test_dataclasses_become_objects_that_json_carries() -> None:
    at = NOON.astimezone(timezone(timedelta(hours=2)))

    told = plain([Thing(at, UUID(int=1), JobState.DEAD, (1, 2))])

    assert told == [
        {
            "at": "2026-02-17T12:00:00.000000Z",
            "id": "00000000-0000-0000-0000-000000000001",
            "state": "dead",
            "inner": [1, 2],
        }
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 d"),
        (-90, "in 90 s"),
        (-7_300, "in 2 h"),
    ],
)
def test_ages_are_told_in_whole_units(seconds: float, text: str) -> None:
    assert age(NOON - timedelta(seconds=seconds), NOON) == text


def test_what_is_past_was_ago_and_what_is_to_come_is_not() -> None:
    assert ago(NOON - timedelta(seconds=5), NOON) == "5 s ago"
    assert ago(NOON + timedelta(seconds=5), NOON) == "in 5 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0.0004, "0 ms"),
        (0.012, "12 ms"),
        (0.1, "0.10 s"),
        (9.994, "9.99 s"),
        (10, "10 s"),
        (150, "2 min"),
    ],
)
def test_durations_are_told_with_the_precision_that_matters(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_moments_are_told_in_utc_to_the_second() -> None:
    assert moment(NOON.astimezone(timezone(timedelta(hours=-5)))) == "2026-02-17 12:00:00"


def test_one_is_no_plural() -> None:
    assert [plural(count, "job") for count in (0, 1, 2)] == ["0 jobs", "1 job", "2 jobs"]
