"""The watchdog: a dead thread ends the process, softly and then hard; a living, unborn or stopped one does not."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware.watchdog import Watchdog
from middleware.worker_process import WorkerProcess
from policy.settings import Settings

DEADLINE_S = 10.0


@pytest.fixture
def process(tmp_path: Path) -> WorkerProcess:
    return WorkerProcess(StubBroker(middleware=[]), Settings(), queues=(), threads=1, slots_folder=tmp_path)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How the watchdog tried to end the process, in order."""
    tried: list[str] = []

    def asked(pid: int, number: int) -> None:
        assert pid == os.getpid()
        tried.append(signal.Signals(number).name)

    monkeypatch.setattr(os, "kill", asked)
    monkeypatch.setattr(os, "_exit", lambda code: tried.append(f"exit {code}"))
    return tried


def dead_thread() -> threading.Thread:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    return thread


def worker_with(*, workers: list[Any] | None = None, consumers: dict[str, Any] | None = None) -> Any:
    return SimpleNamespace(workers=workers or [], consumers=consumers or {})


def watched(process: WorkerProcess, worker: Any) -> Watchdog:
    return Watchdog(process, worker, look_s=0.01, exit_within_s=0.05)


@pytest.mark.parametrize("place", ["workers", "consumers", "writer"])
def test_dead_thread_ends_the_process_first_softly_then_hard(
    place: str, process: WorkerProcess, ends: list[str]
) -> None:
    worker = worker_with()
    if place == "workers":
        worker.workers.append(dead_thread())
    elif place == "consumers":
        worker.consumers["default"] = dead_thread()
    else:
        process.writer = dead_thread()  # type: ignore[assignment]
        process.writer.settling = threading.Thread()  # type: ignore[union-attr]  # one that has not begun
    watchdog = watched(process, worker)

    watchdog.start()
    watchdog.join(DEADLINE_S)

    assert ends == ["SIGTERM", "exit 1"]
    assert process.thread_died


def test_books_that_nobody_can_have_any_more_end_the_process(process: WorkerProcess, ends: list[str]) -> None:
    watchdog = watched(process, worker_with())

    with process.in_hand._lock:
        watchdog.start()
        watchdog.join(DEADLINE_S)

    assert ends == ["SIGTERM", "exit 1"]


def test_books_that_are_held_for_a_moment_are_no_alarm(process: WorkerProcess) -> None:
    watchdog = watched(process, worker_with())

    with process.in_hand._lock:
        while_held = [watchdog.shut() for _ in range(29)]
    between = watchdog.shut()
    with process.in_hand._lock:
        again = [watchdog.shut() for _ in range(29)]

    assert not any([*while_held, between, *again])


def test_process_that_stops_in_time_is_not_ended_hard(process: WorkerProcess, ends: list[str]) -> None:
    watchdog = Watchdog(process, worker_with(workers=[dead_thread()]), look_s=0.01, exit_within_s=DEADLINE_S)

    watchdog.start()
    watchdog.end()
    watchdog.join(DEADLINE_S)

    assert not watchdog.is_alive()
    assert "exit 1" not in ends


def test_living_and_unborn_threads_are_left_alone(process: WorkerProcess) -> None:
    worker = worker_with(workers=[threading.main_thread()], consumers={"default": threading.Thread()})

    found = watched(process, worker).dead()

    assert found == []


def test_threads_that_end_while_the_worker_stops_are_no_alarm(process: WorkerProcess, ends: list[str]) -> None:
    process.stopping.set()
    watchdog = watched(process, worker_with(workers=[dead_thread()]))

    watchdog.start()
    watchdog.join(0.2)
    watchdog.end()
    watchdog.join(DEADLINE_S)

    assert ends == []
