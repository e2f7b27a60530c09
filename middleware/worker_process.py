"""One worker process as the ledger knows it: its registered row, what it has in hand, its beats, its threads.

It must not know how a claim or a finish is written; it owns who does it and when they start and stop.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg2
import redis
from dramatiq import Broker

from middleware import finish_now, finish_report
from middleware.code_version import code_version
from middleware.in_hand import Held, InHand
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker, Settled
from middleware.started_slots import StartedSlots
from models.ledger import workers
from models.ledger.claim import Claimed, Holder
from models.ledger.finish import Finish, give_back
from policy.leases import beats_to_keep, gapless, may_start
from policy.settings import Settings

if TYPE_CHECKING:
    from middleware.finish_writer import FinishWriter
    from middleware.heartbeat import Heartbeat
    from middleware.relay import Relay
    from middleware.watchdog import Watchdog

#: The worker process of the current actor; `once` asks it whether effects may be opened.
current_process: ContextVar[WorkerProcess | None] = ContextVar("callboard_process", default=None)

#: Weight of the newest duration in the running mean that sizes the prefetch.
_SMOOTHING = 0.05
#: A process holds at most about so many seconds of work in hand.
_WORK_IN_HAND_S = 1.0
#: However short the jobs, no more than this many claims of a queue at once.
LARGEST_PREFETCH = 1024
#: Bytes of envelopes that a process holds at most, beyond one a thread, and that one claim carries: quoted as SQL text
#: they take ten times as much for a moment. A release is read, not quoted: it may carry what a process may hold.
BYTES_IN_HAND = 8 * 1024 * 1024
BYTES_OF_A_CLAIM = 1024 * 1024
#: Bytes that a copy is taken for before one has been seen.
_FIRST_GUESS_BYTES = 32_768.0


class WorkerProcess:
    """The state that the consumer, the hooks, the writer, the heartbeat and the relay of one process share."""

    writer: FinishWriter | None = None
    heartbeat: Heartbeat | None = None
    relay: Relay | None = None
    watchdog: Watchdog | None = None
    #: A thread died, perhaps of the job that it was running: that job's start stays on record as if the process had.
    thread_died = False

    def __init__(
        self, broker: Broker, settings: Settings, *, queues: Sequence[str], threads: int, slots_folder: Path
    ) -> None:
        self.broker = broker
        self.settings = settings
        self.queues = tuple(queues)
        self.threads = threads
        self.in_hand = InHand()
        self.stopping = threading.Event()
        self.holder = self._new_holder()
        self.slots_folder = slots_folder
        self.slots = StartedSlots(slots_folder, self.holder.id)
        self._registered = threading.Event()
        self._beats_s: deque[float] = deque(maxlen=beats_to_keep(settings.lease_s, settings.heartbeat_s))
        self._mean_s = 0.1
        self._mean_bytes = _FIRST_GUESS_BYTES
        #: Each worker's last beat, and the monotonic second at which this process first saw it.
        self.beats_seen: dict[UUID, tuple[datetime, float]] = {}

    def served_queues(self) -> list[str]:
        """The queues this process consumes: those it was told, else all that its broker has declared by now."""
        return list(self.queues) or sorted(self.broker.get_declared_queues())

    def registered(self) -> bool:
        """Whether the worker's row is there and not lost, as far as this process knows."""
        return self._registered.is_set()

    def wait_until_registered(self, timeout_s: float) -> bool:
        """Wait for the heartbeat to register this worker; False when that takes longer."""
        return self._registered.wait(timeout_s)

    def beaten(self, sent_s: float) -> None:
        """A beat that was sent at this monotonic time has committed."""
        self._beats_s.append(sent_s)
        self._registered.set()
        self.in_hand.wake()

    def last_beat_s(self) -> float | None:
        """When the last beat that has committed was sent, by the monotonic clock; None before the first."""
        try:
            return self._beats_s[-1]
        except IndexError:  # another thread may be clearing them: it was declared lost
            return None

    def renew(self) -> list[Held]:
        """This worker was declared lost: take a new identity; gives what had not been started, which is dropped."""
        self._registered.clear()
        self._beats_s.clear()
        dropped = self.in_hand.take_waiting()
        self.holder = self._new_holder()
        # What runs on under the lost identity is no crash: whoever recovers it finds that nothing had started.
        self.slots.report_nothing()
        self.slots = StartedSlots(self.slots_folder, self.holder.id)
        return dropped

    def may_act(self, worker_id: UUID | None = None) -> bool:
        """Whether this process may start jobs and open effects now; False under an identity that was lost."""
        if worker_id is not None and worker_id != self.holder.id:
            return False
        last_s = self.last_beat_s()
        return may_start(time.monotonic(), last_s, lease_s=self.settings.lease_s, heartbeat_s=self.settings.heartbeat_s)

    def may_declare_losses(self) -> bool:
        """Whether this process has itself beaten without a gap for a whole lease."""
        return gapless(
            list(self._beats_s),
            time.monotonic(),
            lease_s=self.settings.lease_s,
            heartbeat_s=self.settings.heartbeat_s,
        )

    def took(self, duration_s: float) -> None:
        """A job of this process ran so long; short jobs are fetched in large batches, long ones in small."""
        self._mean_s += _SMOOTHING * (duration_s - self._mean_s)

    def fetched(self, sizes_bytes: Sequence[int]) -> None:
        """Copies of these sizes were fetched: large ones are held in small numbers, from the next fetch on."""
        newest = sum(sizes_bytes) / len(sizes_bytes)
        # Ids whose bodies are missing have no bytes: halved for ever, the mean would come to nothing.
        self._mean_bytes = max(1.0, newest, (self._mean_bytes + newest) / 2)

    def prefetch(self) -> int:
        """How many claims of a queue this process should hold: about a second of work, never fewer than its threads.

        Nor more than a few megabytes of envelopes.
        """
        # A job that has not ended yet says nothing in the mean: its age says that it is long.
        mean_s = max(self._mean_s, self.in_hand.running_mean_s(), 0.001)
        wanted = int(self.threads * _WORK_IN_HAND_S / mean_s)
        return max(self.threads, min(wanted, int(BYTES_IN_HAND / self._mean_bytes), LARGEST_PREFETCH))

    def largest_claim(self) -> int:
        """How many copies one statement should claim at most."""
        return max(1, int(BYTES_OF_A_CLAIM / self._mean_bytes))

    def ready_bound(self) -> int:
        """About two seconds of this process's work, as a length for the ready list."""
        return max(64, min(int(2 * self.threads / max(self._mean_s, 0.001)), 4096))

    def is_long(self, claim: Claimed, started_after_s: float) -> bool:
        """Whether a claim has been running long enough to say in the ledger that it started."""
        held = self.in_hand.find(claim.job_id)
        if held is None or held.claimed_s is None:
            return False
        return time.monotonic() - held.claimed_s - started_after_s >= self.settings.heartbeat_s / 2

    def finish(self, held: Held, done: Finish) -> None:
        """Hand an outcome over: to the writer on our broker, else write it before the message is acked."""
        if self.writer is not None:
            self.writer.put(held, done)
        else:
            finish_now.finish_waiting(self, held, done)

    def withdraw(self, held: Held) -> None:
        """A thread waits with this claim while the worker stops or was lost: it goes back, unless it has started."""
        if self.in_hand.take(held):
            self.give_back([held])

    def give_back(self, taken: Sequence[Held], *, wait_s: float = 0.0) -> None:
        """Give claims back that were taken out unstarted: the ledger first, then their copies are acked.

        They are due again in `wait_s`; at 0 they are due now and keep their place. While the ledger is away they stay
        under this worker, and its next beat (or its loss) gives them back.
        """
        if not taken:
            return
        moved: set[UUID] = set()
        try:
            for worker_id in {held.worker_id for held in taken}:
                claims = [held.claim for held in taken if held.worker_id == worker_id]
                moved |= give_back(worker_id, claims, wait_s=wait_s)
        except psycopg2.Error as error:
            event("give_back_failed", "WARNING", claims=len(taken), error=error)
            self.in_hand.remove(taken)
            return
        for held in taken:
            # Others were recovered before: whoever did that has counted them.
            if held.claim.job_id in moved:
                finish_report.given_back(held)
        self.drop(taken)

    def drop(self, taken: Sequence[Held]) -> None:
        """Ack the copies of claims that are over; the ledger makes new ones."""
        copies = [Settled(held.queue, held.redis_id) for held in taken if held.redis_id]
        try:
            if copies and isinstance(self.broker, LedgerRedisBroker):
                self.broker.settle(copies)
        except redis.RedisError as error:
            # They are stale by now: whoever fetches them refuses them.
            event("stale_copies_left", "WARNING", copies=len(copies), error=error)
        self.in_hand.remove(taken)

    def say_stopped(self) -> None:
        """Close the worker's row; a worker that still holds something is left to be declared lost."""
        try:
            if workers.running_under(self.holder.id):
                if not self.thread_died:
                    self.slots.report_nothing()
            else:
                workers.stop(self.holder.id)
                self.slots.forget()
        except psycopg2.Error as error:
            event("worker_stop_unrecorded", "WARNING", worker_id=str(self.holder.id), error=error)

    def _new_holder(self) -> Holder:
        return Holder(uuid4(), socket.gethostname(), os.getpid(), code_version())


def attach(broker: Broker, process: WorkerProcess | None) -> None:
    """Make `process` the worker process of `broker`."""
    broker.worker_process = process  # type: ignore[attr-defined]


def process_of(broker: Broker) -> WorkerProcess | None:
    """The worker process of `broker`, if one has booted."""
    found = getattr(broker, "worker_process", None)
    return found if isinstance(found, WorkerProcess) else None
