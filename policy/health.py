"""Whether a worker process is live and ready, judged from what it last wrote of itself, with reasons in words.

Pure: times are seconds of one monotonic clock, `now_s` an argument. It must not know how a pulse travels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from policy.leases import may_start

#: A pulse is written once a second; a process that is silent for a lease, but at least and at most so long, in s, is
#: frozen: its jobs are being taken for lost.
LEAST_SILENCE_S = 3.0
LONGEST_SILENCE_S = 60.0
#: A turn of the heartbeat is a handful of statements, each cut off by its own timeouts (30 s); one that takes longer
#: than all of them together hangs.
HEARTBEAT_STUCK_S = 180.0
#: A relay is behind when it has completed no pass for so many of its periods, and at least for so long, in s.
RELAY_PERIODS = 5
LEAST_RELAY_S = 10.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a worker process says of itself. Moments are of the host's monotonic clock; None is never yet.

    `relayed_s`: the end of the last pass of its relay in which no step failed.
    """

    pid: int
    master: int
    worker_id: str
    code_version: str
    queues: Sequence[str]
    threads: int
    lease_s: float
    heartbeat_s: float
    relay_period_s: float
    began_s: float
    written_s: float
    beat_s: float | None
    turned_s: float | None
    relayed_s: float | None
    registered: bool
    stopping: bool
    dead_threads: Sequence[str]
    running: int
    waiting: int
    longest_running_s: float

    def as_fields(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def read_pulse(given: Mapping[str, Any]) -> Pulse:
    """What `as_fields` gave. Raises ValueError where a field is missing; others than ours (a newer code's) are left."""
    try:
        return Pulse(**{field.name: given[field.name] for field in fields(Pulse)})
    except KeyError as error:
        raise ValueError(f"a pulse without {error}") from None


def not_live(pulse: Pulse, now_s: float) -> list[str]:
    """Why this process should be started anew; empty when it lives. A ledger that is away is no reason."""
    reasons = []
    silent_s = now_s - pulse.written_s
    if silent_s > silence_allowed_s(pulse.lease_s):
        reasons.append(f"frozen: silent for {silent_s:.0f} s")
    if pulse.dead_threads:
        reasons.append(f"threads have died: {', '.join(pulse.dead_threads)}")
    turned_s = pulse.began_s if pulse.turned_s is None else pulse.turned_s
    if now_s - turned_s > HEARTBEAT_STUCK_S and not pulse.stopping:
        reasons.append(f"the heartbeat hangs: no turn for {now_s - turned_s:.0f} s")
    return reasons


def not_ready(pulse: Pulse, now_s: float) -> list[str]:
    """Why this process takes no work now; empty when it does."""
    reasons = not_live(pulse, now_s)
    if pulse.stopping:
        reasons.append("stopping")
        return reasons
    if not pulse.registered:
        reasons.append("not registered with the ledger")
    elif not may_start(now_s, pulse.beat_s, lease_s=pulse.lease_s, heartbeat_s=pulse.heartbeat_s):
        reasons.append(f"starts nothing: its last beat committed {_ago(pulse.beat_s, now_s)}")
    limit_s = max(LEAST_RELAY_S, RELAY_PERIODS * pulse.relay_period_s)
    relayed_s = pulse.began_s if pulse.relayed_s is None else pulse.relayed_s
    if pulse.registered and now_s - relayed_s > limit_s:
        reasons.append(f"its relay completed its last pass {_ago(pulse.relayed_s, now_s)}")
    return reasons


def silence_allowed_s(lease_s: float) -> float:
    """How long a process may be silent before it counts as frozen."""
    return min(max(lease_s, LEAST_SILENCE_S), LONGEST_SILENCE_S)


def _ago(moment_s: float | None, now_s: float) -> str:
    return "never" if moment_s is None else f"{now_s - moment_s:.0f} s ago"
