"""One job that kills its worker among thousands of good ones: how many crashes it takes, and who else is dead."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.recovery_play import noted
from benchmarks.recovery_stage import Stage, stage
from benchmarks.report import Report, Result
from rehearsal.troupe import Troupe

#: Leases of seconds: each crash costs one.
SETTINGS = {"CALLBOARD_HEARTBEAT_SECONDS": "0.5", "CALLBOARD_LEASE_SECONDS": "3", "CALLBOARD_RELAY_SECONDS": "0.2"}
MAX_CRASHES = 3
#: The first crash only makes a suspect where the poison ran beside others; then it runs alone, and is counted.
CRASHES_AT_MOST = MAX_CRASHES + 1
_COMMANDS, _THREADS = 2, 4


@dataclass(slots=True)
class Caught:
    """`crashes`: how often the poison ran. `innocent`: others that are dead. `seconds`: until all had ended."""

    good: int
    crashes: int = 0
    dead: int = 0
    innocent: int = 0
    undone: int = 0
    doubled: int = 0
    spent: int = 0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the poison alone is dead, soon enough, and every other job was done once and spent nothing."""
        caught = self.dead == 1 and 0 < self.crashes <= CRASHES_AT_MOST
        return caught and not (self.innocent or self.undone or self.doubled or self.spent)


def run(*, good: int, within_s: float, say: Callable[[str], None]) -> Caught:
    """Play it, for at most so many seconds. Raises ServersError."""
    found = Caught(good)
    with stage({**SETTINGS, "CALLBOARD_MAX_CRASHES": str(MAX_CRASHES)}) as played:
        played.dispatch(good, 0, "poison")
        keeper = _Keeper(played)
        keeper.start()
        began_s = time.monotonic()
        while (left := _left(played)) and time.monotonic() - began_s < within_s:
            say(f"{left} jobs left")
            time.sleep(0.5)
        found.seconds = time.monotonic() - began_s
        keeper.end()
        _count(played, found)
    return found


def report(found: Caught) -> Report:
    """As every benchmark says it."""
    counts = {
        "good": found.good,
        "crashes": found.crashes,
        "dead": found.dead,
        "innocent-dead": found.innocent,
        "undone": found.undone,
        "doubled": found.doubled,
    }
    results = [Result(name, float(value), "jobs", None, None, value, value) for name, value in counts.items()]
    results.append(Result("seconds", found.seconds, "s", None, None, found.seconds, found.seconds))
    notes = [f"at most {CRASHES_AT_MOST} crashes: one that finds a suspect, and {MAX_CRASHES} that are counted"]
    return Report("poison", 1, results, notes=notes)


def _left(played: Stage) -> int:
    return int(played.room.value("SELECT count(*) FROM background_job WHERE state IN ('pending', 'queued', 'running')"))


def _count(played: Stage, found: Caught) -> None:
    times = Counter(played.done())
    found.crashes = len(noted(played.world, "poisoned"))
    found.undone = sum(times[number] == 0 for number in range(found.good))
    found.doubled = sum(count > 1 for count in times.values())
    letters = dict(played.room.rows("SELECT actor, count(*) FROM dead_letter WHERE reason = 'poison' GROUP BY 1"))
    found.dead = int(letters.pop("poison", 0))
    found.innocent = int(
        played.room.value("SELECT count(*) FROM background_job WHERE state = 'dead' AND actor <> 'poison'")
    )
    found.spent = int(played.room.value("SELECT coalesce(sum(attempts_spent), 0) FROM background_job"))


class _Keeper(threading.Thread):
    """What a supervisor does: worker commands that have ended are started again."""

    def __init__(self, played: Stage) -> None:
        super().__init__(name="keeper", daemon=True)
        self._played = played
        self._ending = threading.Event()

    def run(self) -> None:
        troupes: list[Troupe] = [self._played.workers(threads=_THREADS) for _ in range(_COMMANDS)]
        while not self._ending.wait(0.2):
            for place, troupe in enumerate(troupes):
                if troupe.ended:
                    troupes[place] = self._played.workers(threads=_THREADS)

    def end(self) -> None:
        self._ending.set()
        self.join(30)
