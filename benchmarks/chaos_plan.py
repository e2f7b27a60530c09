"""What goes wrong in a chaos run, and when: a function of the seed alone. It must not know how anything is broken."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """A kind of fault."""

    KILL_WORKER = "kill_worker"
    STOP_WORKER = "stop_worker"
    CUT_REDIS = "cut_redis"
    CUT_POSTGRES = "cut_postgres"
    FLUSH_REDIS = "flush_redis"
    RESTART_REDIS = "restart_redis"
    RESTART_POSTGRES = "restart_postgres"
    KILL_REDIS = "kill_redis"
    KILL_POSTGRES = "kill_postgres"
    SKEWED_CLOCK = "skewed_clock"


#: How often each comes, relative to the others.
WEIGHTS: dict[Fault, int] = {
    Fault.KILL_WORKER: 6,
    Fault.STOP_WORKER: 5,
    Fault.CUT_REDIS: 4,
    Fault.CUT_POSTGRES: 4,
    Fault.FLUSH_REDIS: 3,
    Fault.RESTART_REDIS: 2,
    Fault.RESTART_POSTGRES: 2,
    Fault.KILL_REDIS: 2,
    Fault.KILL_POSTGRES: 2,
    Fault.SKEWED_CLOCK: 3,
}
#: Seconds between faults, at least and at most.
GAP_S = (0.8, 3.5)


@dataclass(frozen=True, slots=True)
class Event:
    """One fault: when (seconds from the beginning), to which worker, for how long (of what lasts)."""

    at_s: float
    fault: Fault
    worker: int
    lasts_s: float


def plan(seed: int, seconds: float, *, lease_s: float) -> list[Event]:
    """The faults of a run, in order. What lasts is a stop: half of them are shorter than the lease, half longer."""
    dice = random.Random(seed)
    events: list[Event] = []
    # Each kind once, in an order of the seed's, before chance decides: a short run has met them all.
    first = list(Fault)
    dice.shuffle(first)
    at_s = dice.uniform(*GAP_S)
    while at_s < seconds:
        fault = first.pop() if first else dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]
        events.append(Event(at_s, fault, dice.randrange(1_000), lease_s * dice.uniform(0.2, 1.8)))
        at_s += dice.uniform(*GAP_S)
    return events
