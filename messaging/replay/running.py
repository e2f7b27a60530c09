"""Runs pieces of work side by side; keeps what was done when it is cut short. It must not know what the work is.

The threads are daemons: one that hangs in a model's silence does not keep an interrupted process from ending.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from models.database import close_connection

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class Finished(Generic[ResultT]):
    """Results by the place of their item; `cut_short` is the interrupt that ended the run early."""

    results: dict[int, ResultT] = field(default_factory=dict)
    cut_short: BaseException | None = None


def run_all(
    items: Sequence[ItemT],
    work: Callable[[ItemT], ResultT],
    *,
    concurrency: int,
    stopping: threading.Event,
    on_done: Callable[[ResultT, int], None] = lambda _result, _done: None,
) -> Finished[ResultT]:
    """Do `work` on every item, `concurrency` at a time. `work` must not raise.

    `on_done` is called in this thread with each result and how many there are by then. An interrupt of this thread
    (Ctrl-C, SIGTERM) sets `stopping`, begins nothing more, waits for nobody and comes back in `cut_short`.
    """
    waiting: queue.SimpleQueue[tuple[int, ItemT]] = queue.SimpleQueue()
    for numbered in enumerate(items):
        waiting.put(numbered)
    done: queue.SimpleQueue[tuple[int, ResultT]] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_work_off, args=(waiting, done, work, stopping), daemon=True, name=f"replay-{number}")
        for number in range(min(concurrency, len(items)))
    ]
    finished: Finished[ResultT] = Finished()
    try:
        for thread in threads:
            thread.start()
        while len(finished.results) < len(items):
            place, result = done.get()
            finished.results[place] = result
            on_done(result, len(finished.results))
        for thread in threads:
            thread.join()
    except (KeyboardInterrupt, SystemExit) as interrupt:
        finished.cut_short = interrupt
    finally:
        stopping.set()
    return finished


def _work_off(
    waiting: queue.SimpleQueue[tuple[int, ItemT]],
    done: queue.SimpleQueue[tuple[int, ResultT]],
    work: Callable[[ItemT], ResultT],
    stopping: threading.Event,
) -> None:
    try:
        while not stopping.is_set():
            try:
                place, item = waiting.get_nowait()
            except queue.Empty:
                return
            done.put((place, work(item)))
    finally:
        close_connection()
