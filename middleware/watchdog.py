"""Ends a worker process that has lost a thread, or its books: a supervisor starts a whole one (DRAMATIQ.md §8.2, #445).

Dramatiq never restarts a thread, and a process that lacks one keeps beating, fetching and claiming. Each look is also
written down as the process's pulse, for the host's health server. It must not know what the threads do.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from dramatiq import Worker

from middleware import metrics
from middleware.logs import event, flush, lost_lines
from middleware.pulse import PulseFile
from policy.health import Pulse

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: Seconds between looks.
_LOOK_S = 1.0
#: Seconds that the process has for ending in good order, before it is ended; jobs that still run then are recovered.
EXIT_WITHIN_S = 60.0
#: Names that a pulse has room for.
_MOST_QUEUES = 50
_MOST_THREADS = 20
#: Looks in a row, each of which waits as long as it lasts, for which nobody can have the books of what is in hand: an
#: interrupt that landed in their lock has shut them for good, and with them the heartbeat and every start.
_SHUT_LOOKS = 30


class Watchdog(threading.Thread):
    """Looks after Dramatiq's worker and consumer threads and after our own, until the worker stops."""

    def __init__(
        self, process: WorkerProcess, worker: Worker, *, look_s: float = _LOOK_S, exit_within_s: float = EXIT_WITHIN_S
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._process = process
        self._worker = worker
        self._look_s = look_s
        self._exit_within_s = exit_within_s
        self._ending = threading.Event()
        self._began_s = time.monotonic()
        self._file = PulseFile(process.slots_folder)
        self._write_pulse([])
        self._shut = 0

    def end(self) -> None:
        """The worker has stopped: threads may end."""
        self._ending.set()
        self._file.forget()
        self._count()

    def run(self) -> None:
        """Look until something is missing; then ask for a graceful stop, and do without one at the deadline.

        Where the main thread has gone there is nothing left to ask: a second signal ended it, and a thread of the
        application's keeps the process.
        """
        while not self._ending.wait(self._look_s):
            if not threading.main_thread().is_alive():
                self._exit_at_once()
            dead = self.dead() + self.shut()
            if not self._shut:
                self._write_pulse(dead)
            self._count()
            if dead and not self._process.stopping.is_set():
                self._end_process(dead)
                return

    def dead(self) -> list[str]:
        """Names of threads that were started and live no more."""
        process = self._process
        settling = process.writer.settling if process.writer is not None else None
        ours = [process.writer, settling, process.heartbeat, process.relay]
        threads = [*self._worker.workers, *self._worker.consumers.values(), *(one for one in ours if one is not None)]
        return [_name(thread) for thread in threads if thread.ident is not None and not thread.is_alive()]

    def _write_pulse(self, dead: list[str]) -> None:
        try:
            self._file.write(self._pulse(dead).as_fields())
        except Exception as error:  # nobody may die of telling how well it is
            event("pulse_broke", "ERROR", error=error)

    def _count(self) -> None:
        """Write down what is counted by looking: what threads work on, and the log lines lost so far."""
        try:
            metrics.show_progress()
            metrics.log_lines_lost(lost_lines())
        except Exception as error:  # as above
            event("counting_broke", "ERROR", error=error)

    def _pulse(self, dead: list[str]) -> Pulse:
        process, held = self._process, self._process.in_hand.all()
        running, now_s = [one.started_s for one in held if one.started_s is not None], time.monotonic()
        return Pulse(
            pid=os.getpid(),
            master=os.getppid(),
            worker_id=str(process.holder.id),
            code_version=process.holder.code_version,
            queues=process.served_queues()[:_MOST_QUEUES],
            threads=process.threads,
            lease_s=process.settings.lease_s,
            heartbeat_s=process.settings.heartbeat_s,
            relay_period_s=process.settings.relay_s,
            began_s=self._began_s,
            written_s=now_s,
            beat_s=process.last_beat_s(),
            turned_s=process.heartbeat.turned_s if process.heartbeat else None,
            relayed_s=process.relay.relayed_s if process.relay else None,
            registered=process.registered(),
            stopping=process.stopping.is_set(),
            dead_threads=dead[:_MOST_THREADS],
            running=len(running),
            waiting=len(held) - len(running),
            longest_running_s=now_s - min(running, default=now_s),
        )

    def shut(self) -> list[str]:
        """Whether the books have been shut for so many looks; a process that is stopped takes none."""
        self._shut = 0 if self._process.in_hand.answers(self._look_s) else self._shut + 1
        return ["the books of what is in hand"] if self._shut >= _SHUT_LOOKS else []

    def _end_process(self, dead: list[str]) -> None:
        self._process.thread_died = True
        event("threads_missing", "CRITICAL", threads=dead, worker_id=str(self._process.holder.id))
        os.kill(os.getpid(), signal.SIGTERM)
        if not self._ending.wait(self._exit_within_s):
            self._exit_at_once(self._exit_within_s)

    def _exit_at_once(self, waited_s: float = 0.0) -> None:
        """Whatever holds the process up holds sys.exit() up, too; the ledger gives back what it had in hand."""
        event("process_ended_hard", "CRITICAL", waited_s=waited_s)
        flush()
        os._exit(1)


def _name(thread: threading.Thread) -> str:
    """`WorkerThread`, `ConsumerThread(default)`, or a thread's own name."""
    queue = getattr(thread, "queue_name", None)
    if queue is not None:
        return f"{type(thread).__name__}({queue})"
    return thread.name if thread.name in ("heartbeat", "relay", "finish-writer", "settling") else type(thread).__name__
