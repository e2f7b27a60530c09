"""The thread of a dispatching process that makes the copies of what is committed, so that no caller waits for Redis.

It must not know keys or duplicates: it is handed jobs that are in the ledger. What it does not get done, because its
process was killed or Redis is away, the relay does.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from uuid import UUID

from dramatiq import Broker

from middleware import metrics, tracing
from middleware.copies import make_ready
from middleware.logs import event, events
from middleware.process_end import at_process_end
from middleware.redis_broker import LedgerRedisBroker
from models.database import close_connection
from models.ledger.dispatch import Wanted

#: Jobs and bytes of envelopes whose copies go out in one call, when so many wait (and one dispatch in any case).
_MOST_JOBS, _MOST_BYTES = 256, 1_048_576
#: The first of many copies goes out at once, the next calls no sooner than so many s apart, unless somebody waits for
#: them: a thread that is woken for each dispatch takes the interpreter from the one that dispatches.
_PACE_S = 0.01
#: Dispatches and bytes of their envelopes that wait here at most: Redis is slow, or the thread gets no turn.
_MOST_WAITING, _MOST_WAITING_BYTES = 1_000, 8 * 1_048_576
#: Lines are written together, when nothing has been handed over for so long in s, or so many have gathered: a line of
#: its own made a dispatch a third longer, more for what it drove out of the caches than for what it does.
_QUIET_S, _MOST_LINES = 0.005, 64
#: Seconds without a dispatch after which the connection to the ledger, opened for releases taken back, is closed.
_KEEP_S = 10.0
#: Seconds that a process which ends waits for what it has dispatched: longer than one call to Redis may take.
_LAST_COPIES_S = 6.0
#: Seconds between looks at whether there still is a thread to wait for.
_LOOK_S = 1.0


class Handover:
    """Committed jobs of one dispatch: all that were `inserted`, and those of them whose copy is `owed` to a broker."""

    def __init__(self, owed: Sequence[tuple[Broker, Wanted]], inserted: Sequence[Wanted]) -> None:
        self.owed, self.inserted = owed, inserted
        self.at_s = time.time()
        self.size_bytes = sum(len(job.payload) for _, job in owed)
        self._context = copy_context()
        self._ready: set[UUID] = set()
        self._enqueuer = _enqueuer
        self._is_known = False
        #: Held until it is known.
        self._unknown = threading.Lock()
        self._unknown.acquire()

    def is_ready(self, job_id: UUID) -> bool:
        """Whether that job's copy is in Redis; waits until it is known.

        A forked child is told False of what its parent had in hand: the parent goes on with it. So is everybody where
        there is no thread any more: the relay goes on.
        """
        while not self._is_known and self._enqueuer is _enqueuer and _enqueuer.hasten():
            if self._unknown.acquire(timeout=_LOOK_S):
                self._unknown.release()
        return job_id in self._ready

    def make_copies(self) -> frozenset[UUID]:
        """Make them on their own, in the caller's context: with its correlation id, in its trace."""
        return self._context.run(_copies_made, self.owed)

    def settle(self, ready: frozenset[UUID]) -> None:
        """These copies are in Redis; of the others it is known that they are not."""
        self._ready.update(one.id for _, one in self.owed if one.id in ready)
        self._is_known = True
        self._unknown.release()

    def let_go(self) -> None:
        """All is told: whoever keeps the answer need not keep envelopes and what the caller's context holds."""
        self.owed, self.inserted, self._context = (), (), Context()


def hand_over(handover: Handover) -> None:
    """Have the copies made at once, in order. Raises nothing.

    Returns before they are, unless too much waits already, no thread is to be had, or the copies are not for Redis: a
    broker of the application's, in its tests above all, has its message when `dispatch` returns.
    """
    if all(isinstance(broker, LedgerRedisBroker) for broker, _ in handover.owed) and _enqueuer.take(handover):
        return
    ready: frozenset[UUID] = frozenset()
    try:
        ready = _copies_made(handover.owed)
    finally:
        handover.settle(ready)
    _tell([handover])


def finish(within_s: float = _LAST_COPIES_S) -> bool:
    """Wait until all that has been handed over is done and told, at most so long; whether it is."""
    return _enqueuer.finish(within_s)


class _Enqueuer:
    """One thread, started by the first dispatch of its process."""

    def __init__(self) -> None:
        #: Dispatches in order; an event stands for a wish to know that all before it is done.
        self._waiting: SimpleQueue[Handover | threading.Event] = SimpleQueue()
        self._waiting_bytes = 0
        self._sum = threading.Lock()
        #: Set by whoever waits for a copy.
        self._hurry = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        #: The process ends: the thread ends with it, wherever it stands.
        self.ending = False
        #: Held while the thread holds locks of others: a child must not be forked in the middle of that.
        self.at_work = threading.Lock()

    def take(self, handover: Handover) -> bool:
        """False where the caller has to do it."""
        too_much = self._waiting.qsize() >= _MOST_WAITING or self._waiting_bytes >= _MOST_WAITING_BYTES
        if too_much or self.ending or not self._is_running():
            return False
        self._count(handover.size_bytes)
        self._waiting.put(handover)
        return True

    def finish(self, within_s: float) -> bool:
        if self._thread is None:
            return True
        done = threading.Event()
        self._waiting.put(done)
        return self.hasten() and done.wait(within_s)

    def hasten(self) -> bool:
        """Somebody waits for what waits here; False where nobody will do it."""
        self._hurry.set()
        return self._is_running()

    def _count(self, size_bytes: int) -> None:
        with self._sum:
            self._waiting_bytes += size_bytes

    def _is_running(self) -> bool:
        thread = self._thread
        if thread is not None and thread.is_alive():
            return True
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                # Known before it starts: an interrupt during the start must not leave one that nobody knows.
                self._thread = threading.Thread(target=self._run, name="enqueuer", daemon=True)
                try:
                    self._thread.start()
                except (RuntimeError, MemoryError):  # the interpreter is on its way out, or the machine full
                    return False
        return True

    def _run(self) -> None:
        untold: list[Handover] = []
        pushed_s = -_PACE_S
        while True:
            batch, asked = self._next(pushed_s + _PACE_S, _QUIET_S if untold else _KEEP_S)
            with self.at_work:
                if batch:
                    _enqueue(batch)
                    pushed_s = time.monotonic()
                    self._count(-sum(handover.size_bytes for handover in batch))
                    untold += batch
                if asked or (not batch and not untold):
                    close_connection()
                if not batch or asked or len(untold) >= _MOST_LINES:
                    _tell(untold)
                    untold = []
            if asked:
                asked.set()

    def _next(self, due_s: float, quiet_s: float) -> tuple[list[Handover], threading.Event | None]:
        """What waits at `due_s`, up to one call's worth or to somebody's wish; nothing after `quiet_s` without any."""
        batch: list[Handover] = []
        jobs = size_bytes = 0
        try:
            while jobs < _MOST_JOBS and size_bytes < _MOST_BYTES:
                one = self._waiting.get_nowait() if batch else self._first(due_s, quiet_s)
                if isinstance(one, threading.Event):
                    return batch, one
                batch.append(one)
                jobs += len(one.owed)
                size_bytes += one.size_bytes
        except Empty:
            pass
        return batch, None

    def _first(self, due_s: float, quiet_s: float) -> Handover | threading.Event:
        one = self._waiting.get(timeout=quiet_s)
        if (early_s := due_s - time.monotonic()) > 0:
            self._hurry.wait(early_s)
        self._hurry.clear()
        return one


def _enqueue(batch: Sequence[Handover]) -> None:
    """Many in one call; where spans are made, each in its producer's trace."""
    ready: frozenset[UUID] = frozenset()
    try:
        if len(batch) == 1 or tracing.is_on():
            ready = ready.union(*(handover.make_copies() for handover in batch))
        else:
            ready = _copies_made([one for handover in batch for one in handover.owed])
    except Exception as error:  # the edge of a thread: whoever waits must not wait for ever, and the next go on
        event("enqueuer_failed", "ERROR", jobs=sum(len(handover.owed) for handover in batch), error=error)
    finally:
        for handover in batch:
            handover.settle(ready)


def _copies_made(owed: Sequence[tuple[Broker, Wanted]]) -> frozenset[UUID]:
    ready: frozenset[UUID] = frozenset()
    for broker in {id(broker): broker for broker, _ in owed}.values():
        ready |= make_ready(broker, [job for owner, job in owed if owner is broker], bounded=True)
    return ready


def _tell(batch: Sequence[Handover]) -> None:
    try:
        for handover in batch:
            for job in handover.inserted:
                metrics.job_dispatched(job.actor, job.source)
        events("job_dispatched", [_told(handover, job) for handover in batch for job in handover.inserted])
    except Exception as error:  # a full disk under the counters, for one
        event("enqueuer_failed", "ERROR", jobs=0, error=error)
    for handover in batch:
        handover.let_go()


def _told(handover: Handover, job: Wanted) -> dict[str, object]:
    told: dict[str, object] = {
        "at": handover.at_s,
        "job_id": str(job.id),
        "dispatch_key": job.dispatch_key,
        "correlation_id": job.correlation_id,
        "actor": job.actor,
        "client_id": job.client_id,
        "enqueued": handover.is_ready(job.id),
    }
    return told if job.traceparent is None else {**told, "traceparent": job.traceparent}


_enqueuer = _Enqueuer()


def _end() -> None:
    _enqueuer.ending = True
    finish()


def _before_fork() -> None:
    _enqueuer.at_work.acquire()


def _after_fork_in_parent() -> None:
    _enqueuer.at_work.release()


def _after_fork_in_child() -> None:
    """What waits is the parent's to do, and so is the thread."""
    global _enqueuer  # noqa: PLW0603  # one a process
    _enqueuer = _Enqueuer()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
at_process_end(_end)
