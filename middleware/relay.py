"""The loop that feeds Redis from the ledger and repairs what was lost; one in each worker process, no leader.

It must not know actors. Every pass may fail as a whole: the next one does its work.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg2
import redis

from middleware import metrics, recovery, sweep
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from middleware.releases import release_waiting
from models.database import close_connection

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: A claim that no thread has started for so long, in s, goes back.
UNSTARTED_S = 5.0
#: Seconds between two releases that finishes ask for: with the default cap, thousands of jobs a second for one client.
_BREATH_S = 0.01
#: Seconds between sweeps.
_SWEEP_S = 5.0
#: Seconds between forced maintenances of Dramatiq's own redelivery, and how many of them fit into a lease at least.
_MAINTENANCE_S = 10.0
_MAINTENANCES_A_LEASE = 3


class Relay(threading.Thread):
    """Releases due jobs, recovers lost workers' jobs, gives back what waits too long, sweeps lost releases."""

    def __init__(self, process: WorkerProcess) -> None:
        super().__init__(name="relay", daemon=True)
        self._process = process
        self._ending = threading.Event()
        self._woken = threading.Event()
        self._capped = False
        self._swept_s = time.monotonic()
        self._maintained_s = time.monotonic()
        self._epoch: str | None = None
        self._failed = False
        #: When the last pass without a failing step ended, by the monotonic clock.
        self.relayed_s: float | None = None

    def end(self) -> None:
        """Stop after the present pass."""
        self._ending.set()
        self._woken.set()
        self.join(10)

    def room_made(self) -> None:
        """Jobs have finished: a client that was at its cap may have its next ones at once, not a period later."""
        if self._capped:
            self._woken.set()

    def run(self) -> None:
        """A pass a period, and releases in between. Whatever fails is logged; the next pass tries again."""
        try:
            while self._wait():
                self._failed = False
                self._step(self._give_back)
                if not self._process.registered():
                    continue
                self._step(self._recover)
                if not self._process.stopping.is_set():
                    self._step(self._release)
                    self._step(self._sweep)
                    self._step(self._maintain)
                if not self._failed:
                    self.relayed_s = time.monotonic()
        finally:
            close_connection()

    def _wait(self) -> bool:
        """Wait for the next pass, releasing what a finish makes room for; False when the relay is to end."""
        due_s = time.monotonic() + self._process.settings.relay_s
        while not self._ending.is_set() and (left_s := due_s - time.monotonic()) > 0:
            if self._woken.wait(left_s) and not self._ending.wait(_BREATH_S):
                self._woken.clear()
                if self._process.registered() and not self._process.stopping.is_set():
                    self._step(self._release)
        return not self._ending.is_set()

    def _step(self, step: object) -> None:
        name = getattr(step, "__name__", "step").lstrip("_")
        try:
            step()  # type: ignore[operator]
        except (psycopg2.Error, redis.RedisError, OSError) as error:
            self._failed = True
            metrics.relay_failed(name)
            event("relay_step_failed", "WARNING", step=name, error=error)
        except Exception as error:  # the relay must outlive its own mistakes; they are counted as errors
            self._failed = True
            metrics.relay_failed(name)
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
        self._capped = release_waiting(self._process).capped

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

    def _maintain(self) -> None:
        """Give back what a silent process had fetched and not claimed; it says in passing that this process lives.

        A copy of a live process that comes back is refused as a duplicate, or claimed by whoever is first.
        """
        broker, lease_s, now_s = self._process.broker, self._process.settings.lease_s, time.monotonic()
        period_s = min(_MAINTENANCE_S, lease_s / _MAINTENANCES_A_LEASE)
        if isinstance(broker, LedgerRedisBroker) and now_s - self._maintained_s >= period_s:
            self._maintained_s = now_s
            for queue in self._process.served_queues():
                broker.force_maintenance(queue, silent_s=lease_s)
