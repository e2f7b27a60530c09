"""Actors that harm their worker: a thread that dies, a process that is killed, one poison among good jobs."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from pathlib import Path

import dramatiq

from actors.effects import Found, NotFound, once

#: Where the test put this module.
FOLDER = Path(__file__).parent


class ThreadKilled(BaseException):
    """Raised into a thread from outside."""


def note(name: str, text: str) -> int:
    """Append a line to a trace in one write; gives how many there are now."""
    path = FOLDER / "traces" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as trace:
        trace.write(f"{text}\n")
    return len(path.read_text(encoding="utf-8").splitlines())


def noted(name: str, text: str) -> Found | NotFound:
    """Whether a trace holds that line."""
    path = FOLDER / "traces" / name
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return Found(None) if text in lines else NotFound()


@dramatiq.actor
def lose_thread(name: str) -> None:
    """The first time, its thread dies a moment after the job: nothing in the job itself fails."""
    if note("lose_thread", name) > 1:
        return
    ident = threading.get_ident()

    def kill() -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(ThreadKilled))

    threading.Timer(0.3, kill).start()


@dramatiq.actor
def good(number: int) -> None:
    """Short, with one effect whose call leaves a line; where the poison cuts it off, the trace can be asked."""
    once(f"good:{number}", lambda key: note("calls", key), kind="good", lookup=lambda: noted("calls", f"good:{number}"))


@dramatiq.actor
def poison() -> None:
    """Kills its process, always."""
    note("poisoned", str(os.getpid()))
    os.kill(os.getpid(), signal.SIGKILL)


@dramatiq.actor
def hold_and_send(name: str, gate: str) -> None:
    """Waits at the gate, then acts on the outside world."""
    note("holding", f"{name} {os.getpid()}")
    pause = threading.Event()
    while not (FOLDER / "gates" / gate).exists():
        pause.wait(0.02)
    once(f"sent:{name}", lambda key: note("calls", f"{key} {os.getpid()}"), kind="send")


@dramatiq.actor
def call_and_hold(name: str, gate: str) -> None:
    """The call itself is made, and waits at the gate before its confirmation."""

    def call(key: str) -> str:
        note("calls", f"{key} {os.getpid()}")
        pause = threading.Event()
        while not (FOLDER / "gates" / gate).exists():
            pause.wait(0.02)
        return key

    once(f"sent:{name}", call, kind="send")
