"""The second half of a finish: says what has committed and settles its copies, while the writer's next batch is on its
way to PostgreSQL. What it is handed has been committed; it must not know the ledger beyond taking a release back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

import redis

from middleware import finish_report
from middleware.copies import make_ready
from middleware.in_hand import Held
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker, Settled
from models.crash_points import crash_point
from models.database import close_connection
from models.job_status import write_statuses
from models.ledger.finish import Finish, Finished

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: Seconds between attempts to send acks that Redis did not take.
_WAIT_S = 0.1
#: Seconds of idleness after which it looks whether it should end, or has acks to repeat.
_IDLE_S = 0.2

Item = tuple[Held, Finish]


class Committed(NamedTuple):
    """A batch of finishes and what the ledger answered."""

    items: Sequence[Item]
    finished: Finished


class Settling(threading.Thread):
    """Takes committed batches; each is reported, then acked with everything still owed, then off the books."""

    def __init__(self, process: WorkerProcess) -> None:
        super().__init__(name="settling", daemon=True)
        self._process = process
        self._queue: SimpleQueue[Committed] = SimpleQueue()
        self._owed: list[tuple[Held, Settled]] = []
        self._ending = threading.Event()
        self._deadline_s = float("inf")

    def put(self, committed: Committed) -> None:
        """Hand over one committed batch; never blocks."""
        self._queue.put(committed)

    def end(self, timeout_s: float) -> bool:
        """Settle what was handed over, then stop; False if that took longer than `timeout_s`."""
        self._deadline_s = time.monotonic() + timeout_s
        self._ending.set()
        self.join(timeout_s + 1)
        return not self.is_alive()

    def run(self) -> None:
        """Until ended and empty: everything that has committed meanwhile at a time."""
        try:
            while time.monotonic() <= self._deadline_s:
                batches = self._take()
                if batches or self._owed:
                    self._settle_surely(batches)
                elif self._ending.is_set():
                    return
        finally:
            close_connection()

    def _take(self) -> list[Committed]:
        batches: list[Committed] = []
        try:
            batches.append(self._queue.get(timeout=_WAIT_S if self._owed else _IDLE_S))
            while True:
                batches.append(self._queue.get_nowait())
        except Empty:
            return batches

    def _settle_surely(self, batches: Sequence[Committed]) -> None:
        for batch in batches:
            self._report(batch)
        try:
            self._settle(batches)
        except Exception as error:  # it must outlive its own mistakes: all acks go through it
            items = [item for batch in batches for item in batch.items]
            event("settling_broke", "ERROR", finishes=len(items), error=error)
            # The finishes stand; a copy that is left in Redis is refused as a duplicate when it comes back.
            self._process.in_hand.remove([held for held, _ in items])

    def _report(self, batch: Committed) -> None:
        try:
            finish_report.report(self._process, batch.items, batch.finished)
        except Exception as error:  # what cannot be said must still be acked
            event("settling_broke", "ERROR", finishes=len(batch.items), error=error)

    def _settle(self, batches: Sequence[Committed]) -> None:
        items = [item for batch in batches for item in batch.items]
        stale = {id(done) for batch in batches for done in batch.finished.stale}
        # A stale finish says nothing of its job: its copy is merely over, and its status document would be wrong.
        self._owed += [
            (held, finish_report.settled(held, done, stale=id(done) in stale)) for held, done in items if held.redis_id
        ]
        self._process.in_hand.remove([held for held, _ in items if not held.redis_id])
        broker = self._process.broker
        if isinstance(broker, LedgerRedisBroker):
            self._ack(broker, [item for item in items if id(item[1]) not in stale])
            make_ready(broker, [job for batch in batches for job in batch.finished.released], bounded=True)
        if self._process.relay is not None:
            self._process.relay.room_made()

    def _ack(self, broker: LedgerRedisBroker, items: Sequence[Item]) -> None:
        """Ack all copies that are owed; status documents ride along, once: they are at best effort."""
        settled = [one for _, one in self._owed]
        statuses, ttl_s = finish_report.last_statuses(items), self._process.settings.status_ttl_s
        try:
            broker.settle(settled, along=lambda line: write_statuses(line, statuses, ttl_s))
            crash_point("ack.after")
        except redis.RedisError as error:
            # The finishes have committed; a copy that stays is refused as a duplicate when it comes back.
            event("ack_waits", "WARNING", copies=len(self._owed), error=error)
        else:
            self._process.in_hand.remove([held for held, _ in self._owed])
            self._owed.clear()
