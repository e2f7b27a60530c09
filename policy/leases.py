"""When a worker may still act on its claims, and when a relay may call others lost (docs/architecture.md).

All times are monotonic seconds of one process; wall clocks and the database's clock stay outside.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

Worker = TypeVar("Worker", bound=Hashable)
Beat = TypeVar("Beat")

#: A lease shorter than this many beats would call a worker lost for one late beat.
LEAST_BEATS_PER_LEASE = 3

#: Longest distance between beats that is no gap, in beats: one beat may be late by a whole period.
#: Whatever delayed this relay by less delayed other workers by less than their lease, too.
BEATS_WITHOUT_GAP = 2


def may_start(now_s: float, last_beat_sent_s: float | None, *, lease_s: float, heartbeat_s: float) -> bool:
    """Whether a worker may start a job or open an effect.

    `last_beat_sent_s` is when its last committed beat was sent (not answered); None if none was.
    One beat before the lease is over it stops: what it starts must not overlap a declared loss.
    """
    return last_beat_sent_s is not None and now_s < last_beat_sent_s + lease_s - heartbeat_s


def gapless(beats_sent_s: Sequence[float], now_s: float, *, lease_s: float, heartbeat_s: float) -> bool:
    """Whether a relay has itself beaten without a gap for a whole lease, and so may declare losses.

    `beats_sent_s` are its committed beats, oldest first; `beats_to_keep` of them are enough.
    """
    before = [beat for beat in beats_sent_s if beat <= now_s - lease_s]
    if not before:
        return False
    within = [beat for beat in beats_sent_s if beat > now_s - lease_s]
    longest_s = BEATS_WITHOUT_GAP * heartbeat_s
    return all(later - earlier <= longest_s for earlier, later in pairwise([before[-1], *within, now_s]))


def beats_seen(
    before: Mapping[Worker, tuple[Beat, float]], beats: Mapping[Worker, Beat], read_s: float
) -> dict[Worker, tuple[Beat, float]]:
    """The newest beat of each worker and since when it has been seen, after a look whose answer came at `read_s`.

    A beat is told from another only by being different: whose clock stamped it, and what that clock did, is no matter.
    """
    return {
        worker: known if (known := before.get(worker)) is not None and known[0] == beat else (beat, read_s)
        for worker, beat in beats.items()
    }


def silent_for(seen: Mapping[Worker, tuple[Beat, float]], asked_s: float, *, lease_s: float) -> dict[Worker, Beat]:
    """The workers whose beat was still the same at `asked_s`, a whole lease or more after it was first seen."""
    return {worker: beat for worker, (beat, since_s) in seen.items() if asked_s - since_s >= lease_s}


def beats_to_keep(lease_s: float, heartbeat_s: float) -> int:
    """How many of its last beats a relay must remember for `gapless`."""
    return math.ceil(lease_s / heartbeat_s) + 2


def recovery_bound_s(lease_s: float, heartbeat_s: float, relay_s: float) -> float:
    """Seconds after which a lost worker's job is pending again, at the latest.

    A relay sees the last beat up to a period late, and its end a period late.
    """
    return lease_s + max(2 * heartbeat_s, relay_s) + relay_s
