"""The jobs of a chaos run, and an outside world that remembers what was done to it: files in CHAOS_FOLDER.

Which jobs fail, die or kill is a function of their number.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import dramatiq

from actors.effects import Found, NotFound, once
from policy.errors import Terminal

#: Every so many-th job never works; every so many-th (but one) fails the first time; the one job that kills its worker.
DIES_EVERY = 97
FAILS_EVERY = 11
POISON = 61


def dies(number: int) -> bool:
    """Whether this job is to end dead."""
    return number % DIES_EVERY == DIES_EVERY - 1 or number == POISON


def kind_of(number: int) -> str:
    """What the other side offers for this job's effect: nothing, to honour our key, or to be asked."""
    return ("plain", "idempotent", "asked")[number % 3]


@dramatiq.actor(queue_name="chaos", min_backoff=50, max_backoff=500, max_retries=6, time_limit=60_000)
def act(number: int) -> None:
    """A short job with one effect."""
    threading.Event().wait((number * 7919 % 60) / 1000)
    if number == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    if dies(number):
        raise Terminal("so it was planned")
    if number % FAILS_EVERY == 0 and _first(f"failed-{number}"):
        raise ConnectionError("the first time")
    kind = kind_of(number)
    if kind == "plain":
        once(f"chaos:{number}", lambda key: _do(number), kind="chaos")
    elif kind == "idempotent":
        once(f"chaos:{number}", lambda key: _do_once(number), kind="chaos", idempotent_for_s=3_600)
    else:
        once(f"chaos:{number}", lambda key: _do(number), kind="chaos", lookup=lambda: _ask(number))


def folder() -> Path:
    """Where the outside world remembers."""
    return Path(os.environ["CHAOS_FOLDER"])


def times_done(where: Path, number: int) -> int:
    """How often the effect has happened."""
    times = 0
    while (where / f"done-{number}-{times}").exists():
        times += 1
    return times


def _do(number: int) -> str:
    """The effect: a file for each time. One call of the system makes it: it has happened or not, whoever is killed."""
    times = 0
    while not _first(f"done-{number}-{times}"):
        times += 1
    return str(number)


def _do_once(number: int) -> str:
    """The same at a provider that honours keys."""
    _first(f"done-{number}-0")
    return str(number)


def _ask(number: int) -> Found | NotFound:
    return Found(str(number)) if times_done(folder(), number) else NotFound()


def _first(name: str) -> bool:
    try:
        (folder() / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
