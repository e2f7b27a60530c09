"""The one writer of a worker process: finishes of many threads share a commit.

It must not know how an outcome was decided, nor Redis. Acks go out strictly after the commit, by `settling`, while the
next batch is written; what cannot be written waits.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import psycopg2

from middleware import finish_report
from middleware.in_hand import Held
from middleware.logs import event
from middleware.settling import Committed, Item, Settling
from models.database import close_connection
from models.faults import is_contention, is_infrastructure
from models.ledger.finish import Finish, finish
from policy.errors import DispatchContended

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: Finishes in one statement at most: past this the statement grows faster than it saves.
_BATCH = 256
#: Seconds for which a small batch waits for more of what a full process is about to end.
_GATHER_S = 0.015
#: Seconds that what has committed has at least for being said and acked when the process ends.
_SETTLE_S = 2.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0
#: Seconds between tries of finishes that wait for somebody's open transaction; each waits for the lock, too.
_APART_S = 1.0
#: Seconds of idleness after which the writer looks whether it should end.
_IDLE_S = 0.2


class FinishWriter(threading.Thread):
    """Takes finishes from any thread without making it wait, and hands on what has committed."""

    def __init__(self, process: WorkerProcess) -> None:
        super().__init__(name="finish-writer", daemon=True)
        self._process = process
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self.settling = Settling(process)
        #: Finishes that wait for somebody's open transaction, tried one by one between the batches.
        self._apart: deque[Item] = deque()
        self._apart_from_s = 0.0
        self._ending = threading.Event()
        self._deadline_s = float("inf")

    def put(self, held: Held, done: Finish) -> None:
        """Hand over one finish; never blocks (the prefetch bounds what can be outstanding)."""
        # In this order: an interrupt that lands between (a time limit, a shutdown) must not leave a claim that is
        # finishing and that nobody finishes; the outcome that comes second then is a stale write.
        self._queue.put((held, done))
        self._process.in_hand.finishing(held)

    def end(self, timeout_s: float) -> bool:
        """Write and settle what was handed over, then stop; False if that took longer than `timeout_s`."""
        self._deadline_s = time.monotonic() + timeout_s
        self._ending.set()
        self.join(timeout_s + 1)
        settled = self.settling.end(max(_SETTLE_S, self._deadline_s - time.monotonic()))
        return settled and not self.is_alive()

    def run(self) -> None:
        """Until ended and empty: a batch at a time."""
        self.settling.start()
        try:
            while True:
                batch = self._take()
                if batch:
                    self._write_surely(batch)
                elif self._ending.is_set() and not self._apart:
                    return
                if self._apart and time.monotonic() >= self._apart_from_s:
                    self._write_surely([self._apart.popleft()])
                if time.monotonic() > self._deadline_s:
                    return
        finally:
            close_connection()

    def _take(self) -> list[Item]:
        batch: list[Item] = []
        with contextlib.suppress(Empty):
            batch.append(self._queue.get(timeout=_IDLE_S))
        self._drain_into(batch)
        if batch and len(batch) < _BATCH // 2 and self._process.in_hand.waiting() >= _BATCH // 2:
            # So much work is in hand that nobody waits for these; with what ends meanwhile they share a commit.
            self._ending.wait(_GATHER_S)
            self._drain_into(batch)
        return batch

    def _drain_into(self, batch: list[Item]) -> None:
        with contextlib.suppress(Empty):
            while len(batch) < _BATCH:
                batch.append(self._queue.get_nowait())

    def _write_surely(self, batch: list[Item]) -> None:
        try:
            for worker_id in {held.worker_id for held, _ in batch}:
                self._write_until_done([item for item in batch if item[0].worker_id == worker_id])
        except Exception as error:  # the writer must outlive its own mistakes: all outcomes go through it
            event("finish_broke", "ERROR", finishes=len(batch), error=error)
            # What had not committed is given back by the heartbeat, once it is no longer in hand.
            self._process.in_hand.remove([held for held, _ in batch])

    def _write_until_done(self, batch: list[Item]) -> None:
        """Repeat while the ledger is away; a finish may be repeated, it knows its own outcome when it meets it.

        All of a batch are of one worker identity: what has been handed on is never written again.
        """
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                self._write(batch)
                return
            except (psycopg2.Error, DispatchContended) as error:
                if is_contention(error) or not is_infrastructure(error):
                    self._write_apart(batch, error)
                    return
                event("finish_waits", "WARNING", finishes=len(batch), error=error)
            if time.monotonic() > self._deadline_s:
                return
            self._ending.wait(wait_s) if not self._ending.is_set() else time.sleep(min(wait_s, 0.2))
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _write(self, batch: Sequence[Item]) -> None:
        began_s = time.monotonic()
        finishes = [done for _, done in batch]
        finished = finish(batch[0][0].worker_id, finishes, dedupe_s=self._process.settings.dedupe_s)
        finish_report.timed(time.monotonic() - began_s, len(finishes))
        self.settling.put(Committed(batch, finished))

    def _write_apart(self, batch: list[Item], error: BaseException) -> None:
        """PostgreSQL refuses a row: halves, until it stands alone; that one is finished with no texts, or else as dead.

        One whose row, or a key of its follow-ups, is in somebody's open transaction waits alone; the others go on.
        """
        if len(batch) > 1:
            middle = len(batch) // 2
            self._write_until_done(batch[:middle])
            self._write_until_done(batch[middle:])
            return
        held, done = batch[0]
        if is_contention(error):
            event("finish_waits", "WARNING", finishes=1, error=error)
            self._apart.append((held, done))
            self._apart_from_s = time.monotonic() + _APART_S
            return
        event("finish_refused", "ERROR", job_id=str(held.claim.job_id), actor=held.actor, error=error)
        bare = finish_report.barer(done)
        if bare == done:
            # Nothing left to leave out: the heartbeat gives the job back once it is no longer in hand.
            self._process.in_hand.remove([held])
        else:
            self._write_until_done([(held, bare)])
