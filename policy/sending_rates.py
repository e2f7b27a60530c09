"""Sending rates: so many replies within a sliding period, and when one that is over the rate may go. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: Longest period in s, as the table has it: 31 days.
PERIOD_MOST_S: Final = 2_678_400
#: Replies in one period at most: the gate walks over so many when it counts.
MOST: Final = 100_000
NONE: Final = "none"

_RATE: Final = re.compile(r"(?P<most>[0-9]{1,6})/(?P<many>[0-9]{1,4})?(?P<unit>[smhd])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` replies in any `period_s` seconds."""

    most: int
    period_s: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Which departure has to leave the period first: the `newest`-th counted from the newest (1), and how many periods
    later the place that it leaves is this one's.
    """

    newest: int
    periods: int


def read_rate(text: str) -> Rate | None:
    """`100/h`, `3/d`, `50/10m`; None for `none`. Raises ValueError."""
    if text.strip().lower() == NONE:
        return None
    found = _RATE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no rate: 100/h, 3/d, 50/10m (s, m, h, d), or none")
    most, period_s = int(found["most"]), int(found["many"] or 1) * _UNIT_S[found["unit"]]
    if not 1 <= most <= MOST:
        raise ValueError(
            f"{text!r} lets {most} out in a period: it is from 1 to {MOST}; to send nothing, pause the client"
        )
    if not 1 <= period_s <= PERIOD_MOST_S:
        raise ValueError(f"{text!r} has a period of {period_s} s: it is from 1 s to 31 days")
    return Rate(most, period_s)


def write_rate(rate: Rate | None) -> str:
    """The text that `read_rate` reads as this rate, in its largest whole unit."""
    if rate is None:
        return NONE
    unit = next(name for name in ("d", "h", "m", "s") if rate.period_s % _UNIT_S[name] == 0)
    many = rate.period_s // _UNIT_S[unit]
    return f"{rate.most}/{'' if many == 1 else many}{unit}"


def turn(rate: Rate, waiting: int) -> Turn:
    """The place of a reply that is over the rate, when `waiting` others wait for theirs: each gets one of its own.

    Without it all of them would come back at the first place that is free, and all but one in vain.
    """
    return Turn(rate.most - waiting % rate.most, 1 + waiting // rate.most)


def free_at(rate: Rate, turn_of_it: Turn, let_out_at: datetime) -> datetime:
    """When the place is free that the departure at `let_out_at` takes now."""
    return let_out_at + timedelta(seconds=rate.period_s * turn_of_it.periods)
