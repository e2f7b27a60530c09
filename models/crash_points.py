"""Named points where a test can kill or stop this process, hold a thread, or have it fail (docs/testing.md).

It stands this low because the commits it names do. Armed by the environment when it is imported, never later: unarmed,
`crash_point` is a function that does nothing (benchmarks/crash_point_cost.py: 25 ns).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psycopg2

#: Which points do what: `claim.after_commit=kill,ack.after=stop`. For tests only.
ARMED: Final = "CALLBOARD_CRASH_POINTS"
#: Folder of the marks: `<point>.reached` and `<point>.acted` are made here, a pause ends when `<point>.go` appears.
FOLDER: Final = "CALLBOARD_CRASH_FOLDER"

#: Every point, in the order in which a job meets it, with what has and has not happened there.
POINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dispatch.before_commit": "a dispatch is about to insert its jobs",
        "dispatch.after_commit": "the jobs are committed, no copy has been made",
        "enqueue.before": "jobs are released, their copies not yet pushed",
        "enqueue.after": "the copies are in Redis, nobody knows it yet",
        "claim.before_commit": "copies are fetched, nothing is claimed",
        "claim.after_commit": "the claim is committed, nothing has been handed to a thread",
        "start.before_actor": "the claim has started, its actor has not been called",
        "effect.before_intent": "the actor asks for an effect, nothing is written",
        "effect.before_intent_commit": "the intent is written, not committed",
        "effect.before_call": "the intent is committed, the other side not called",
        "effect.after_call": "the other side was called, its answer is not written down",
        "effect.after_confirmation": "the answer is committed, the actor goes on",
        "finish.before_commit": "the actor has ended, nothing of it is written",
        "finish.with_follow_ups": "the finish and what follows from it are written, not committed",
        "finish.after_commit": "the finish is committed, its copy not acked",
        "ack.after": "the copy is acked, the books not yet closed",
        "give_back.before_commit": "a claim that nobody started is about to go back",
        "give_back.after_commit": "it has gone back, its copy is not acked",
        "recover.before_commit": "a lost worker's jobs are about to come back",
        "recover.after_commit": "they have come back, nothing has been counted",
        "relay.before_release": "due jobs are about to be released",
        "relay.after_release": "their release is committed, no copy has been made",
        "sweep.after_take_back": "releases without a copy are pending again",
        "requeue.before_commit": "a dead letter's requeue is written, not committed",
        "requeue.after_commit": "the requeue is committed, the entry in Redis still there",
        "migration.before_commit": "migrations are applied, not committed",
        "migration.after_commit": "migrations are committed",
    }
)


class CrashPointReached(Exception):
    """Raised at a point armed with `raise`: a defect of ours, right there."""


class Action(Enum):
    """What happens at an armed point: a note that it was reached (all leave one), a signal, a wait, an error."""

    NOTE = "note"
    KILL = "kill"
    STOP = "stop"
    PAUSE = "pause"
    RAISE = "raise"
    BREAK = "break"


def parse(text: str) -> dict[str, Action]:
    """`point=action,…` as a mapping. Raises ValueError for a point or an action that there is not."""
    armed = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        point, _, action = item.partition("=")
        if point not in POINTS:
            raise ValueError(f"{ARMED}: no crash point is called {point!r}")
        armed[point] = Action(action or "note")
    return armed


class Armed:
    """The armed points of this process. Each acts once for a folder, however many processes come after."""

    def __init__(self, actions: Mapping[str, Action], folder: Path) -> None:
        self._actions = dict(actions)
        self._folder = folder

    def __call__(self, point: str) -> None:
        """Act, if `point` is armed and has not acted before. Raises what its action raises."""
        action = self._actions.get(point)
        if action is None or not self._first(point):
            return
        if action is Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        elif action is Action.STOP:
            # To this thread: sent to the process, another thread may take it, and this one goes on for a while.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        elif action is Action.PAUSE:
            self._wait(point)
        elif action is Action.RAISE:
            raise CrashPointReached(point)
        elif action is Action.BREAK:
            raise psycopg2.OperationalError(f"the connection broke at {point}")

    def _first(self, point: str) -> bool:
        (self._folder / f"{point}.reached").touch()
        try:
            (self._folder / f"{point}.acted").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _wait(self, point: str) -> None:
        pause, go = threading.Event(), self._folder / f"{point}.go"
        while not go.exists():
            pause.wait(0.01)


def _inert(point: str) -> None:
    """Nothing: no test is at work."""


def _from_environment() -> Callable[[str], None]:
    actions = parse(os.environ.get(ARMED, ""))
    return Armed(actions, Path(os.environ[FOLDER])) if actions else _inert


crash_point: Final = _from_environment()
