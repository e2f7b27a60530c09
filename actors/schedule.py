"""The schedule: one tick looks at the database's clock and has the current window dispatched, once, whoever ticks.

It must not know how jobs run. No leader: the window's key decides who dispatches, its row says what came of it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import dramatiq
import psycopg2

from actors.broker import setup
from middleware import correlation, metrics, tracing
from middleware.configuration import connect_database, redis_url, settings_in_force
from middleware.envelopes import wanted_job
from middleware.inline import InlineWorker
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from middleware.timed_push import push_within
from models.ledger import windows as ledger
from models.ledger.claim import Claimed
from models.ledger.dispatch import CONTENDED, Wanted
from models.ledger.release import Released
from models.readings.paging import database_now
from models.readings.windows import WindowRow, window_of_key
from policy.dispatch_metadata import DispatchMetadata
from policy.errors import DispatchContended
from policy.keys import JOB_ID_RANDOM_BYTES, new_job_id
from policy.settings import Settings
from policy.states import WindowStatus
from policy.texts import cap_text
from policy.ticks import ENQUEUE_LIMIT_S, MAINTENANCE_FUNCTION, PROCESS_FUNCTION, FoundWindow, judge_window
from policy.windows import Window, window_at

#: `source` of a tick that names none.
SOURCE = "scheduler"
#: Bytes of an error that a window keeps.
_ERROR_BYTES = 500
#: Ticks of one window that open it at the same time wait for each other; so often one of them looks again.
_ROUNDS = 3


class TickMode(str, Enum):
    """How a tick ended; only `enqueue_failed` is a failure."""

    ENQUEUED = "enqueued"
    DUPLICATE_SUPPRESSED = "duplicate_suppressed"
    ENQUEUE_FAILED = "enqueue_failed"
    INLINE_EMERGENCY = "inline_emergency"
    INLINE_FORCED = "inline_forced"


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick did. `existing` is the row it found, if another had opened the window; `inline` counts what ran here.

    `repaired` and `unstarted` name other windows: those enqueued late by this tick, and those that no worker begins.
    """

    mode: TickMode
    window: WindowRow
    existing: WindowRow | None = None
    error: str | None = None
    repaired: tuple[str, ...] = ()
    unstarted: tuple[str, ...] = ()
    inline: dict[str, int] | None = None


def _answer(ticked: Ticked) -> tracing.Attributes:
    return {"mode": ticked.mode.value, "window": ticked.window.dispatch_key}


@tracing.traced("tick", "producer", describe=_answer)
def tick(source: str = SOURCE, *, stopping: threading.Event | None = None) -> Ticked:
    """Dispatch the current window unless it was dispatched; try again what failed; run it here if that is asked for.

    `stopping`, once set, starts no further job inline. Raises psycopg2.Error or LedgerUnavailable when the ledger is
    away, DispatchContended when somebody's open transaction keeps a key: nothing was run then.
    """
    return _Tick(source, stopping or threading.Event()).carry_out()


class _Tick:
    """One tick, step by step; between two steps it may be killed, and the next tick goes on from the rows."""

    def __init__(self, source: str, stopping: threading.Event) -> None:
        self.broker: LedgerRedisBroker = setup()
        self.settings: Settings = settings_in_force()
        connect_database(self.settings)
        self.stopping = stopping
        self.now: datetime = database_now()
        self.window: Window = window_at(self.now, self.settings.dispatch_window_s, source)
        self.key = self.window.dispatch_key

    def carry_out(self) -> Ticked:
        owed = self._open()
        existing = None
        if owed is None:
            existing = _row(self.key)
            owed = self._take_again(existing)
        if owed is None:
            return self._with_others(Ticked(TickMode.DUPLICATE_SUPPRESSED, _row(self.key), existing))
        if self.settings.force_inline:
            return self._inline(TickMode.INLINE_FORCED, existing, None)
        error = self._enqueue([self.key], owed)
        if error is None:
            return self._with_others(Ticked(TickMode.ENQUEUED, _row(self.key), existing))
        if self.settings.inline_emergency:
            return self._inline(TickMode.INLINE_EMERGENCY, existing, error)
        return Ticked(TickMode.ENQUEUE_FAILED, _row(self.key), existing, error)

    def _open(self) -> Sequence[Released] | None:
        """The window's row and both jobs in one transaction; the copies that are owed, or None if it has a row."""
        family, outside = correlation.new_correlation_id(), correlation.current()
        place = (outside.traceparent, outside.tracestate) if outside else (None, None)
        with correlation.bound(
            correlation.Scope(family, dispatch_key=self.key, traceparent=place[0], tracestate=place[1])
        ):
            jobs = _window_jobs(self.broker, self.window, self.now, family)
            opened = _patiently(
                lambda: ledger.open_window(
                    self.window,
                    family,
                    self.now,
                    jobs,
                    dedupe_s=self.settings.dedupe_s,
                    hold_back=self.settings.force_inline,
                )
            )
            if opened is None:
                return None
            for job in jobs:
                metrics.job_dispatched(job.actor, job.source)
            level = "WARNING" if opened.missed_before else "INFO"
            event("window_opened", level, source=self.window.source, missed_before=opened.missed_before)
        return opened.owed

    def _take_again(self, found: WindowRow) -> Sequence[Released] | None:
        """Another try for a window that failed or was left; None where none is needed, or another tick makes it."""
        age_s = (database_now() - found.updated_at).total_seconds()
        if judge_window(WindowStatus(found.status), age_s) is FoundWindow.SUPPRESS:
            return None
        taken = ledger.retake_windows(self.key)
        if not taken:
            return None
        event("window_tried_again", dispatch_key=self.key, status=found.status)
        return [] if self.settings.force_inline else ledger.release_by_key(taken[0].job_keys)

    def _enqueue(self, keys: Sequence[str], owed: Sequence[Released]) -> str | None:
        """Copies into Redis within the limit, then the outcome on the rows; gives the error, if there was one."""
        error = push_within(ENQUEUE_LIMIT_S, redis_url(self.settings), self.broker, owed)
        if error is None:
            closed, status = ledger.close_enqueued(keys), WindowStatus.ENQUEUED
        else:
            error = cap_text(error, _ERROR_BYTES)
            closed = ledger.close_failed(keys, error, [(one.job_id, one.release) for one in owed])
            status = WindowStatus.ENQUEUE_FAILED
        # A window that is to be run here after all is counted with the outcome that it gets then.
        if error is None or not self.settings.inline_emergency:
            _report(closed, status, error)
        return error

    def _with_others(self, ticked: Ticked) -> Ticked:
        """Redis takes copies again: windows that failed get theirs; those that no worker begins are told of."""
        repaired = self._repair() if ticked.mode is TickMode.ENQUEUED else ()
        unstarted = ledger.unstarted_windows()
        inline = None
        if unstarted:
            names = [one.dispatch_key for one in unstarted]
            event("windows_unstarted", "ERROR", windows=len(names), oldest=names[0])
            if self.settings.inline_emergency or self.settings.force_inline:
                inline = self._run_here(unstarted, "no worker began it within two windows")
        return Ticked(
            ticked.mode,
            ticked.window,
            ticked.existing,
            ticked.error,
            repaired,
            tuple(one.dispatch_key for one in unstarted),
            inline,
        )

    def _repair(self) -> tuple[str, ...]:
        taken = ledger.retake_windows()
        keys = [one.dispatch_key for one in taken]
        if keys:
            self._enqueue(keys, ledger.release_by_key([key for one in taken for key in one.job_keys]))
        return tuple(keys)

    def _inline(self, mode: TickMode, existing: WindowRow | None, error: str | None) -> Ticked:
        """Run the window's two jobs here, and what is due besides; the row tells whether it came to that."""
        mine = ledger.OwedWindow(self.key, (self.window.process_dispatch_id, self.window.maintenance_dispatch_id))
        counts = self._run_here([mine], error)
        row = _row(self.key)
        if row.status != WindowStatus.INLINE_EMERGENCY.value:
            # Somebody else released or ran the two jobs between our failure and our claim.
            _report(ledger.settle_windows(), WindowStatus.ENQUEUED, None)
            row = _row(self.key)
            mode = TickMode.ENQUEUED if row.status == WindowStatus.ENQUEUED.value else TickMode.ENQUEUE_FAILED
        return Ticked(mode, row, existing, error, inline=counts)

    def _run_here(self, owed: Sequence[ledger.OwedWindow], error: str | None) -> dict[str, int]:
        """A worker in this process for these windows' jobs and then for what is due; gives its counts."""
        names = [one.dispatch_key for one in owed]

        def note(claimed: Claimed) -> None:
            moved = ledger.close_inline(claimed.dispatch_key, error, names)
            _report(moved, WindowStatus.INLINE_EMERGENCY, error)

        with InlineWorker(self.broker, self.settings, self.stopping) as worker:
            for key in (key for one in owed for key in one.job_keys):
                worker.work_off(ledger.release_by_key([key]) if worker.may_go_on() else [], note)
            worker.work_off_due(note)
        return dict(worker.counts)


def _window_jobs(broker: dramatiq.Broker, window: Window, now: datetime, family: str) -> list[Wanted]:
    """The two jobs of a window under their derived keys; what producers' hooks stamp belongs to the jobs."""
    metadata = DispatchMetadata(window.source, now, window.dispatch_key, family, window.start, window.seconds)
    keys = (
        (PROCESS_FUNCTION, window.process_dispatch_id),
        (MAINTENANCE_FUNCTION, window.maintenance_dispatch_id),
    )
    jobs = []
    for function, key in keys:
        job_id = new_job_id(int(time.time() * 1000), os.urandom(JOB_ID_RANDOM_BYTES))
        message: dramatiq.Message[Any] = broker.get_actor(function).message_with_options(
            args=(metadata.on_the_wire(),), dispatch_key=key, correlation_id=family, source=window.source
        )
        message = message._replace(message_id=str(job_id))
        broker.emit_before("enqueue", message, None)
        jobs.append(wanted_job(broker, message))
    return jobs


def _patiently(open_window: Callable[[], ledger.Opened | None]) -> ledger.Opened | None:
    """Repeat what lost to another tick's open transaction. Raises DispatchContended when that goes on and on."""
    for _ in range(_ROUNDS):
        try:
            return open_window()
        except DispatchContended:
            continue
        except psycopg2.Error as error:
            if error.pgcode not in CONTENDED:
                raise
    raise DispatchContended("another tick keeps this window's row in an open transaction")


def _row(key: str) -> WindowRow:
    row = window_of_key(key)
    assert row is not None, f"the row of {key} has gone"
    return row


def _report(keys: Sequence[str] | frozenset[str], status: WindowStatus, error: str | None) -> None:
    """Count and log windows that have got an outcome; called after the commit."""
    for key in keys:
        metrics.window_closed(status.value)
        level = "ERROR" if status is WindowStatus.ENQUEUE_FAILED else "INFO"
        event("window_closed", level, dispatch_key=key, status=status.value, problem=error)
