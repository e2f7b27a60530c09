"""Joins the times of a text to the dates they belong to. Knows where words stand, not which are offered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from messaging.guardrails.calendar_dates import DateMention
from messaging.guardrails.clock_times import TimeMention
from messaging.patterns import regex

#: Characters between a date and its time at most; a heading's list of times is longer than that only when it is odd.
REACH_CHARS = 160
#: What it costs, in characters, to cross these on the way from a time to its date.
BARRIER_COST, COMMA_COST, LINE_COST = 60, 5, 20

_SENTENCE_END = regex(r"[.!?]\s|\n\s*\n")
_BARRIER = regex(r"\b(?:or|and|oder|und|ou|et)\b|;|\n\s*(?:[-*\u2022]|\d{1,2}[.)])\s")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time and the date said with it, if any."""

    time: TimeMention
    said_on: DateMention | None

    @property
    def days(self) -> frozenset[date]:
        return self.said_on.days if self.said_on else frozenset()

    @property
    def words(self) -> str:
        return f"{self.said_on.words} {self.time.words}" if self.said_on else self.time.words


def moments(text: str, times: list[TimeMention], dates: list[DateMention]) -> list[Moment]:
    """Each of `times` with the nearest of `dates` in its sentence, or in the heading of its list."""
    return [Moment(time, _date_of(text, time, dates)) for time in times]


def _date_of(text: str, time: TimeMention, dates: list[DateMention]) -> DateMention | None:
    costs = [(cost, each) for each in dates if (cost := _cost(text, time, each)) is not None]
    return min(costs, key=lambda pair: pair[0])[1] if costs else None


def _cost(text: str, time: TimeMention, day: DateMention) -> int | None:
    """How far the date is from the time; None if a sentence ends between them or it is out of reach."""
    before = day.end <= time.begin
    gap = text[day.end : time.begin] if before else text[time.end : day.begin]
    if len(gap) > REACH_CHARS or _SENTENCE_END.search(gap):
        return None
    if not before and "\n" in gap.strip(" "):
        return None
    barriers = BARRIER_COST * len(_BARRIER.findall(gap))
    return len(gap) + barriers + COMMA_COST * gap.count(",") + LINE_COST * gap.count("\n")
