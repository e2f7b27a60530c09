"""Dates as people write them, seen from Monday, 2 March 2026."""

from __future__ import annotations

from datetime import date

import pytest

from messaging.guardrails.calendar_dates import LEAD_WEEKS, find_dates
from messaging.guardrails.plain_text import normalised

TODAY = date(2026, 3, 2)


def days(text: str) -> list[list[str]]:
    found = find_dates(normalised(text), TODAY, weeks=LEAD_WEEKS)
    return [[f"{day:%y-%m-%d}" for day in sorted(each.days)] for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("March 5", ["26-03-05"]),
        ("5 March", ["26-03-05"]),
        ("the 5th of March", ["26-03-05"]),
        ("Mar. 5", ["26-03-05"]),
        ("March 5, 2027", ["27-03-05"]),
        ("Thu, Mar 5", ["26-03-05"]),
        ("Dienstag, 3. März", ["26-03-03"]),
        ("mardi 3 mars", ["26-03-03"]),
        ("el 5 de marzo", ["26-03-05"]),
        ("2026-03-05", ["26-03-05"]),
        ("on 05/03", ["26-03-05", "26-05-03"]),
        ("31/12/26", ["26-12-31"]),
        ("05.03.2026", ["26-03-05"]),
        ("am 5.3.", ["26-03-05"]),
        ("January 15", ["27-01-15"]),
        ("March 3-6", ["26-03-03", "26-03-04", "26-03-05", "26-03-06"]),
        ("today", ["26-03-02"]),
        ("tomorrow", ["26-03-03"]),
        ("the day after tomorrow", ["26-03-04"]),
        ("in two weeks", ["26-03-16"]),
        ("Friday", ["26-03-06", "26-03-13"]),
        ("Wednesday's call", ["26-03-04", "26-03-11"]),
        ("this Tuesday", ["26-03-03"]),
        ("next Tuesday", ["26-03-03", "26-03-10"]),
        ("Tuesday next week", ["26-03-10"]),
        ("on the 5th", ["26-03-05", "26-04-05"]),
        ("Thursday the 5th", ["26-03-05"]),
    ],
)
def test_written_date_is_read(text: str, expected: list[str]) -> None:
    assert days(text) == [expected]


@pytest.mark.parametrize("text", ["Wednesday, March 3", "Tuesday 2026-03-04", "Feb 30"])
def test_date_that_contradicts_itself_is_no_day(text: str) -> None:
    assert days(text) == [[]]


@pytest.mark.parametrize(
    "text",
    [
        "3/5 of users",
        "24/7",
        "version 5.3.",
        "1.2.3",
        "in March",
        "you may go",
        "march on",
        "last Tuesday",
        "Guten Morgen",
        "Good morning",
        "Sun Microsystems",
        "the 5th step",
        "March 5pm",
        "10.0.0.1",
        "Mon équipe",
    ],
)
def test_words_that_only_look_like_a_date_are_passed_over(text: str) -> None:
    assert days(text) == []
