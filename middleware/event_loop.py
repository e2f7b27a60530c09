"""The event loop of async actors, in a thread that keeps no process alive: after a second signal a worker ends.

It must not know actors; Dramatiq's own middleware does.
"""

from __future__ import annotations

from dramatiq import Broker, Worker
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from dramatiq.middleware import AsyncIO


class EventLoop(AsyncIO):
    """Dramatiq's, with a thread that the interpreter does not wait for.

    A second signal raises SystemExit in the main thread, and nobody stops the loop any more: the process stayed, with
    its heartbeat and its worker threads, out of its master's reach.
    """

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        thread = EventLoopThread(self.logger)
        thread.daemon = True
        thread.start(timeout=1.0)
        set_event_loop_thread(thread)
