"""One round of releases: what is due goes to the broker, as far as its ready lists and the clients' caps have room.

The relay's step, and that of the function that a tick dispatches. It must not know threads or time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from middleware.copies import make_ready
from middleware.redis_broker import LedgerRedisBroker
from middleware.worker_process import BYTES_IN_HAND
from models.ledger.release import Released, queues_with_due_jobs, release_due

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: Due jobs released in one statement at most, and no more of them once they reach the bytes that a process may hold.
_LARGEST_RELEASE = 256
#: Releases of one queue in one round at most, so that no queue keeps the others waiting.
_ROUNDS = 16
#: On a broker that is not ours nobody can say how full it is: so many releases a round.
_FOREIGN_ROOM = 64


@dataclass(frozen=True, slots=True)
class Round:
    """How many copies went. `capped`: there was room for more, but their clients have all they may have."""

    released: int
    capped: bool


def release_waiting(process: WorkerProcess) -> Round:
    """Release due jobs of every queue that this process serves, in turn between clients.

    Raises redis.RedisError where nobody can say how full the lists are, and psycopg2.Error: the next round goes on.
    """
    count, short = 0, []
    for queue in queues_with_due_jobs(process.served_queues()):
        for _ in range(_ROUNDS):
            room = min(_room(process, queue), _LARGEST_RELEASE)
            released = _released(process, queue, room) if room > 0 else []
            count += len(make_ready(process.broker, released, bounded=False))
            ran_out = len(released) < room and not _is_full(released)
            if ran_out:
                short.append(queue)
            if ran_out or not released:
                break
    return Round(count, capped=bool(short) and bool(queues_with_due_jobs(short)))


def _released(process: WorkerProcess, queue: str, room: int) -> list[Released]:
    return release_due(queue, room, client_max=process.settings.client_running_max, budget_bytes=BYTES_IN_HAND)


def _is_full(released: Sequence[Released]) -> bool:
    """Whether a release ended at its bytes: there may be more to release."""
    return sum(len(one.payload) for one in released) >= BYTES_IN_HAND


def _room(process: WorkerProcess, queue: str) -> int:
    broker = process.broker
    if not isinstance(broker, LedgerRedisBroker):
        return _FOREIGN_ROOM
    broker.set_ready_bound(queue, process.ready_bound(), ttl_s=60)
    return broker.ready_room(queue)
