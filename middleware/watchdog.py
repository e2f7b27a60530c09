"""Ends a worker process that has lost one of its threads: a supervisor starts a whole one (DRAMATIQ.md §8.2, #445).

Dramatiq never restarts a thread, and a process that lacks one keeps beating, fetching and claiming. It must not know
what the threads do.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from dramatiq import Worker

from middleware.logs import event

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: Seconds between looks.
_LOOK_S = 1.0
#: Seconds that the process has for ending in good order, before it is ended; jobs that still run then are recovered.
EXIT_WITHIN_S = 60.0


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

    def end(self) -> None:
        """The worker has stopped: threads may end."""
        self._ending.set()

    def run(self) -> None:
        """Look until something is missing; then ask for a graceful stop, and do without one at the deadline."""
        while not self._ending.wait(self._look_s):
            dead = self.dead()
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

    def _end_process(self, dead: list[str]) -> None:
        self._process.thread_died = True
        event("threads_missing", "CRITICAL", threads=dead, worker_id=str(self._process.holder.id))
        os.kill(os.getpid(), signal.SIGTERM)
        if not self._ending.wait(self._exit_within_s):
            event("process_ended_hard", "CRITICAL", waited_s=self._exit_within_s)
            # Whatever holds the process up may hold sys.exit() up, too; the ledger gives back what it had in hand.
            os._exit(1)


def _name(thread: threading.Thread) -> str:
    """`WorkerThread`, `ConsumerThread(default)`, or a thread's own name."""
    queue = getattr(thread, "queue_name", None)
    if queue is not None:
        return f"{type(thread).__name__}({queue})"
    return thread.name if thread.name in ("heartbeat", "relay", "finish-writer", "settling") else type(thread).__name__
