"""Ticks of a test's own making: many at once, with another clock, or killed at a named point. A program, not actors."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any, NoReturn

from actors import schedule
from actors.broker import setup
from models.ledger import windows
from scripts import tick  # noqa: F401  # before the fork
from scripts.main import main


def die(*_: object) -> NoReturn:
    """As a kill from outside: no handler runs, nothing is flushed or closed."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def then_die(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do it, then die."""

    def last(*args: Any, **kwargs: Any) -> NoReturn:
        function(*args, **kwargs)
        die()

    return last


def put(module: ModuleType, name: str, change: Callable[[Any], Any]) -> None:
    """Put something else in the place of a module's function."""
    setattr(module, name, change(getattr(module, name)))


def mine_the(point: str) -> None:
    """Have this process killed when it gets to `point`."""
    where: dict[str, tuple[ModuleType, str, Callable[[Any], Any]]] = {
        "written": (windows, "dispatch_jobs", then_die),
        "committed": (schedule, "push_within", lambda _: die),
        "pushed": (schedule, "push_within", then_die),
        "closed": (schedule, "_report", lambda _: die),
        "claimed": (windows, "close_inline", then_die),
    }
    put(*where[point])


def tick_many(count: int) -> int:
    """So many processes that tick at one moment; 0 when all of them ended well."""
    setup()  # fifty imports take longer than fifty ticks; nothing is connected yet
    ready, go = os.pipe()
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(ready, 1)  # until the parent lets go of its end
            os._exit(main(["tick", "--json"]))
        children.append(child)
    os.close(go)
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--many", type=int)
    parser.add_argument("--die-when")
    parser.add_argument("--database-ahead-s", type=float, default=0.0)
    parser.add_argument("--own-clock-ahead-s", type=float, default=0.0)
    parser.add_argument("rest", nargs="*")
    options = parser.parse_args()
    put(schedule, "database_now", lambda now: lambda: now() + timedelta(seconds=options.database_ahead_s))
    put(time, "time", lambda now: lambda: now() + options.own_clock_ahead_s)
    if options.die_when:
        mine_the(options.die_when)
    sys.exit(tick_many(options.many) if options.many else main(["tick", "--json", *options.rest]))
