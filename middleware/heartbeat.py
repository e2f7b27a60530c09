"""Beats for this worker on a connection and thread of its own; if the thread dies, the process ends.

It must not know messages: it registers, beats, renews a lost identity and compares the books.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg2

from middleware import metrics, recovery
from middleware.logs import event
from models.database import close_connection
from models.ledger import workers
from models.ledger.claim import Claimed
from models.ledger.finish import closed_attempts, mark_started
from models.migrate import missing_migrations
from policy.errors import CallboardError
from policy.states import RunStatus

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: While the ledger is away, beats are tried this often, in s: the first that commits lets work go on.
_RETRY_S = 0.5
#: So many failed beats in a row have a line each; of those after them one every so many seconds has.
_LINES_AT_FIRST, _LINE_EVERY_S = 10, 5.0
#: Distinct errors whose traceback is written, once each: a text that is another one each time is not kept for ever.
_TRACEBACKS = 50
#: SQLSTATEs of a table, column or function that is not there.
_NOT_THERE = frozenset({"42P01", "42703", "42883"})


class Heartbeat(threading.Thread):
    """Registers the worker and beats until stopped."""

    def __init__(self, process: WorkerProcess) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._process = process
        self._ending = threading.Event()
        self._registered: UUID | None = None
        self._unknown_before: frozenset[tuple[UUID, int]] = frozenset()
        #: Claims that were running when their identity was lost, by run id, as long as a crash may be counted on them.
        self._running_on: dict[int, Claimed] = {}
        self._failed = 0
        self._line_due_s = 0.0
        self._errors_said: set[tuple[str, str]] = set()
        #: When the last turn ended, beat or not, by the monotonic clock: a heartbeat that hangs is seen by it.
        self.turned_s: float | None = None

    def end(self) -> None:
        """Stop beating."""
        self._ending.set()
        self.join(10)

    def run(self) -> None:
        """Beat after beat; an error that is not the database's ends the process, as its supervisor expects."""
        try:
            while not self._ending.is_set():
                pause_s = self._beat()
                self.turned_s = time.monotonic()
                self._ending.wait(pause_s)
        except BaseException as error:
            event("heartbeat_died", "CRITICAL", error=error)
            os.kill(os.getpid(), signal.SIGTERM)
            raise
        finally:
            close_connection()

    def _beat(self) -> float:
        """One beat; gives the seconds until the next."""
        process, sent_s = self._process, time.monotonic()
        try:
            if self._registered != process.holder.id:
                self._register()
            if not workers.beat(process.holder.id):
                self._renew()
                return 0.0
            process.beaten(sent_s)
            self._failed = 0
            self._compare_books()
            self._take_back_crashes()
        except psycopg2.Error as error:
            self._say_failed(error)
            return _RETRY_S
        return max(0.0, process.settings.heartbeat_s - (time.monotonic() - sent_s))

    def _register(self) -> None:
        process = self._process
        workers.register(process.holder, process.served_queues(), process.threads)
        self._registered = process.holder.id
        event("worker_registered", worker_id=str(process.holder.id))
        with suppress(CallboardError):  # a migration that was edited is the doctor's to tell
            if missing_migrations():
                self._say_schema_behind()

    def _say_failed(self, error: psycopg2.Error) -> None:
        """A line where one is due or the error is a new one; its traceback once, for it says nothing new after that."""
        self._failed += 1
        kind = (type(error).__name__, str(error).partition("\n")[0])
        known, now_s = kind in self._errors_said or len(self._errors_said) >= _TRACEBACKS, time.monotonic()
        if known and self._failed > _LINES_AT_FIRST and now_s < self._line_due_s:
            return
        self._errors_said.add(kind)
        self._line_due_s = now_s + _LINE_EVERY_S
        if error.pgcode in _NOT_THERE:
            self._say_schema_behind()
            return
        shown = error.with_traceback(None) if known else error
        event("beat_failed", "WARNING", worker_id=str(self._process.holder.id), error=shown)

    def _say_schema_behind(self) -> None:
        event(
            "schema_behind",
            "ERROR",
            worker_id=str(self._process.holder.id),
            problem="the database has not all that this code reads and writes: run `callboard migrate`",
        )

    def _renew(self) -> None:
        """We were declared lost: what had not started is dropped (others have it by now), and we register anew."""
        former = self._process.holder.id
        dropped = self._process.renew()
        event("worker_was_declared_lost", "WARNING", worker_id=str(former), dropped=len(dropped))
        self._process.drop(dropped)
        running = [held.claim for held in self._process.in_hand.all() if held.worker_id == former]
        self._running_on |= {claim.run_id: claim for claim in running}
        self._take_back_crashes()

    def _take_back_crashes(self) -> None:
        """What ran on under a lost identity has crashed nobody, whenever somebody recovers it: until it has been asked
        for once after its attempt was closed."""
        if not self._running_on:
            return
        claims = list(self._running_on.values())
        # In this order: what is closed by now has been counted, if it is counted at all.
        closed = closed_attempts(claims)
        recovery.take_back_crashes(self._process, claims)
        for run_id in closed:
            del self._running_on[run_id]

    def _compare_books(self) -> None:
        """Give back what the ledger thinks we run and we have not known for two beats; say what has started."""
        process = self._process
        running = workers.running_under(process.holder.id)
        # In this order: an answer is in the books before its claim has ended.
        on_their_way = process.in_hand.claims_on_their_way()
        known = {(held.claim.job_id, held.claim.fence) for held in process.in_hand.all()}
        unknown = frozenset((job, fence) for job, fence, claim in running if claim not in on_their_way) - known
        strays = unknown & self._unknown_before
        self._unknown_before = unknown - strays
        if strays:
            event("strays_given_back", "WARNING", jobs=len(strays), worker_id=str(process.holder.id))
            for actor, queue in workers.give_back_strays(process.holder.id, sorted(strays)):
                metrics.attempts_closed(actor, queue, RunStatus.CANCELLED.value)
        begun = [
            (held.claim, after_s) for held in process.in_hand.all() if (after_s := held.started_after_s) is not None
        ]
        long_ones = [(claim, after_s) for claim, after_s in begun if process.is_long(claim, after_s)]
        if long_ones:
            mark_started(long_ones)
