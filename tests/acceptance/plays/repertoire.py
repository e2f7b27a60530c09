"""A stranger's actors: they import Dramatiq and the project's API alone, and leave traces in files."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq.middleware import Interrupt

from actors.dispatch import dispatch
from actors.effects import Done, once
from policy.errors import Cancelled, OutcomeUnknown, Reschedule, Terminal, Throttled

#: Where the test put this module.
FOLDER = Path(__file__).parent


def note(name: str, text: str) -> int:
    """Append a line to a trace in one write; gives how many there are now."""
    path = FOLDER / "traces" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as trace:
        trace.write(f"{text}\n")
    return len(path.read_text(encoding="utf-8").splitlines())


def wait_at(gate: str) -> None:
    """Wait until the test opens this gate; interrupts get through."""
    deadline_s, pause = time.monotonic() + 60, threading.Event()
    while not (FOLDER / "gates" / gate).exists() and time.monotonic() < deadline_s:
        pause.wait(0.02)


def book(key: str) -> dict[str, str]:
    """An idempotent provider: a second call with the same key books nothing."""
    note("calls", key)
    path = FOLDER / "bookings" / key
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write("booked\n")
    return {"booking": key}


@dramatiq.actor
def greet(name: str) -> str:
    note("greeted", name)
    return f"hello {name}"


@dramatiq.actor
def linger(gate: str, name: str) -> None:
    note("lingering", name)
    wait_at(gate)
    note("lingered", name)


@dramatiq.actor
def step_on(name: str, pause_ms: int = 20) -> None:
    """A short job of measurable length."""
    note("stepping", f"{name} {time.time()}")
    threading.Event().wait(pause_ms / 1000)
    note("stepped", name)


@dramatiq.actor
def reserve(seat: str, gate: str | None = None) -> bool:
    """An effect at a provider that honours keys; the gate stands before it."""
    note("reserving", seat)
    if gate:
        wait_at(gate)
    done = once(f"seat:{seat}", book, kind="seat", idempotent_for_s=600)
    return isinstance(done, Done) and done.replayed


@dramatiq.actor(max_retries=0)
def reserve_once_tried(seat: str) -> None:
    """An effect in a job that may not fail even once."""
    note("reserving", seat)
    wait_at(seat)
    once(f"seat:{seat}", book, kind="seat")


@dramatiq.actor
def reserve_and_crash(seat: str, idempotent_for_s: float | None = None) -> None:
    """The worker is killed between the call and its confirmation, the first time."""

    def call(key: str) -> dict[str, str]:
        booked = book(key)
        if note(f"crash-{seat}", "called") == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return booked

    once(f"seat:{seat}", call, kind="seat", idempotent_for_s=idempotent_for_s)


@dramatiq.actor(max_retries=5, min_backoff=50, max_backoff=400)
def work_on_third_try(name: str) -> str:
    if note(f"tries-{name}", str(time.time())) < 3:
        raise ConnectionError(f"{name} was not reached")
    return name


@dramatiq.actor(max_retries=2, min_backoff=20, max_backoff=40)
def never_work(name: str) -> None:
    note(f"tries-{name}", "tried")
    raise RuntimeError(f"no luck with {name}")


@dramatiq.actor(max_retries=0)
def try_once(name: str) -> None:
    note(f"tries-{name}", "tried")
    raise RuntimeError("no")


@dramatiq.actor(max_retries=None, min_backoff=1, max_backoff=2)
def try_for_ever(name: str) -> None:
    if note(f"tries-{name}", "tried") < 8:
        raise RuntimeError("not yet")


@dramatiq.actor(throws=(KeyError, ZeroDivisionError), max_retries=5)
def throw(name: str) -> None:
    note(f"tries-{name}", "tried")
    raise KeyError(name)


def not_twice(retries: int, error: BaseException) -> bool:
    """Dramatiq's own contract: asked with the retries so far, True to go on."""
    return retries < 1 and isinstance(error, ValueError)


@dramatiq.actor(retry_when=not_twice, max_retries=9, min_backoff=20, max_backoff=40)
def retry_while_told(name: str) -> None:
    note(f"tries-{name}", "tried")
    raise ValueError(name)


@dramatiq.actor(time_limit=400, max_retries=0)
def dawdle(name: str) -> None:
    note(f"tries-{name}", "tried")
    deadline_s = time.monotonic() + 20
    try:
        while time.monotonic() < deadline_s:
            threading.Event().wait(0.01)
    except Interrupt as interrupt:
        note(f"interrupted-{name}", type(interrupt).__name__)
        raise


@dramatiq.actor(max_age=500)
def expire(name: str) -> None:
    note(f"tries-{name}", "tried")


@dramatiq.actor
async def sing(name: str) -> str:
    await asyncio.sleep(0.01)
    note("sung", name)
    return f"la {name}"


@dramatiq.actor(priority=10)
def matter_little(name: str) -> None:
    note("priorities", name)


@dramatiq.actor(priority=0)
def matter_most(name: str) -> None:
    note("priorities", name)


@dramatiq.actor
def decide(what: str, name: str) -> str:
    """Say what is to become of the job, the first time; then work."""
    first = note(f"tries-{name}", str(time.time())) == 1
    if not first:
        return "done"
    soon = datetime.now(timezone.utc) + timedelta(seconds=1.2)
    errors: dict[str, BaseException] = {
        "terminal": Terminal("sold out"),
        "throttled": Throttled("slowly", retry_after_s=1.2),
        "reschedule": Reschedule("later", run_at=soon),
        "unknown": OutcomeUnknown("who knows"),
        "cancelled": Cancelled("not wanted"),
    }
    raise errors[what]


@dramatiq.actor
def applaud(*said: Any) -> None:
    """A callback or a pipeline's next step."""
    note("applause", repr(said[-1]))


@dramatiq.actor
def boo(message: dict[str, Any], error: dict[str, Any]) -> None:
    note("boos", message["message_id"])


@dramatiq.actor
def give_up(message: dict[str, Any], retries: dict[str, Any]) -> None:
    note("given-up", f"{message['message_id']} {retries['retries']} {retries['max_retries']}")


@dramatiq.actor
def double(number: int) -> int:
    note("doubled", str(number))
    return 2 * number


@dramatiq.actor(max_retries=3, min_backoff=20, max_backoff=40, on_success="hear")
def lead(secret: str) -> None:
    """The head of a family: fails once, then has an effect and children of every kind."""
    if note("led", "tried") == 1:
        raise RuntimeError(f"not with {secret}")
    logging.getLogger("a.library").info("halfway")
    once("family:effect", book, kind="seat")
    follow.send(secret, "sent")
    dispatch(follow, secret, "dispatched", dispatch_key="family:follow")
    (follow.message(secret, "first") | follow.message_with_options(args=(secret, "then"), pipe_ignore=True)).run()  # type: ignore[no-untyped-call]


@dramatiq.actor
def follow(secret: str, how: str) -> None:
    note("followed", how)


@dramatiq.actor
def hear(message: dict[str, Any], result: Any) -> None:
    note("heard", message["message_id"])


@dramatiq.actor(notify_shutdown=True)
def endure(name: str) -> None:
    """Runs until it is told of the worker's end; the second time it is done at once."""
    if note("enduring", name) == 1:
        wait_at("never")


@dramatiq.actor
def hand_out(count: int) -> None:
    """Dispatch from within a worker process: each key twice."""
    for number in range(count):
        for _ in range(2):
            dispatch(step_on, f"handed-{number}", 5, dispatch_key=f"hand-out:{number}", client_id="acme")


@dramatiq.actor
def crash(name: str) -> None:
    note(f"tries-{name}", "tried")
    os.kill(os.getpid(), signal.SIGKILL)
