"""The loop that feeds Redis from the ledger and repairs what was lost; one in each worker process, no leader.

It must not know actors. Every pass may fail as a whole: the next one does its work.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg2
import redis

from middleware import recovery, sweep
from middleware.copies import make_ready
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from models.database import close_connection
from models.ledger.release import queues_with_due_jobs, release_due

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: Due jobs released in one statement at most.
_LARGEST_RELEASE = 256
#: Releases of one queue in one pass at most, so that no queue keeps the others waiting.
_ROUNDS = 16
#: On a broker that is not ours nobody can say how full it is: so many releases a pass.
_FOREIGN_ROOM = 64
#: A claim that no thread has started for so long, in s, goes back.
UNSTARTED_S = 5.0
#: Seconds between sweeps, and between forced maintenances of Dramatiq's own redelivery.
_SWEEP_S = 5.0
_MAINTENANCE_S = 10.0


class Relay(threading.Thread):
    """Releases due jobs, recovers lost workers' jobs, gives back what waits too long, sweeps lost releases."""

    def __init__(self, process: WorkerProcess) -> None:
        super().__init__(name="relay", daemon=True)
        self._process = process
        self._ending = threading.Event()
        self._swept_s = time.monotonic()
        self._maintained_s = time.monotonic()
        self._epoch: str | None = None

    def end(self) -> None:
        """Stop after the present pass."""
        self._ending.set()
        self.join(10)

    def run(self) -> None:
        """A pass a period. Whatever fails is logged; the next pass tries again."""
        try:
            while not self._ending.wait(self._process.settings.relay_s):
                self._step(self._give_back)
                if not self._process.registered():
                    continue
                self._step(self._recover)
                if not self._process.stopping.is_set():
                    self._step(self._release)
                    self._step(self._sweep)
        finally:
            close_connection()

    def _step(self, step: object) -> None:
        name = getattr(step, "__name__", "step").lstrip("_")
        try:
            step()  # type: ignore[operator]
        except (psycopg2.Error, redis.RedisError, OSError) as error:
            event("relay_step_failed", "WARNING", step=name, error=error)
        except Exception as error:  # the relay must outlive its own mistakes; they are counted as errors
            event("relay_step_broke", "ERROR", step=name, error=error)

    def _give_back(self) -> None:
        process, now_s = self._process, time.monotonic()
        stopping = process.stopping.is_set()
        waiting = process.in_hand.take_waiting(lambda held: stopping or now_s - held.claimed_s > UNSTARTED_S)
        if waiting:
            process.give_back(waiting)

    def _recover(self) -> None:
        recovery.recover(self._process)

    def _release(self) -> None:
        for queue in queues_with_due_jobs(self._process.served_queues()):
            for _ in range(_ROUNDS):
                room = min(self._room(queue), _LARGEST_RELEASE)
                released = release_due(queue, room) if room > 0 else []
                make_ready(self._process.broker, released, bounded=False)
                if len(released) < room or not released:
                    break

    def _room(self, queue: str) -> int:
        broker = self._process.broker
        if not isinstance(broker, LedgerRedisBroker):
            return _FOREIGN_ROOM
        broker.set_ready_bound(queue, self._process.ready_bound(), ttl_s=60)
        return broker.ready_room(queue)

    def _sweep(self) -> None:
        broker = self._process.broker
        if not isinstance(broker, LedgerRedisBroker):
            return
        now_s = time.monotonic()
        epoch, made = broker.epoch()
        forgot = made or (self._epoch is not None and epoch != self._epoch)
        self._epoch = epoch
        if forgot or now_s - self._swept_s >= _SWEEP_S:
            self._swept_s = now_s
            sweep.sweep(broker, at_once=forgot)
        if now_s - self._maintained_s >= _MAINTENANCE_S:
            self._maintained_s = now_s
            for queue in self._process.served_queues():
                broker.force_maintenance(queue)
