"""How long a killed worker's jobs take to come back at the default lease: many kills, in groups that die together.

It must not know how a loss is found out; it kills, and reads the rows.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.chaos_counts import samples
from benchmarks.recovery_play import QUEUE, VICTIM
from benchmarks.recovery_stage import Stage, stage
from benchmarks.report import Report, Result
from rehearsal.troupe import Troupe, until

#: A loss is to be recovered within so many seconds of the last beat in every case, and in the median (issue 5).
LONGEST_S, MEDIAN_S = 45.0, 35.0
#: Threads of a victim, each with a job that waits for the kill: of two that ran together none is counted.
_THREADS = 2
#: Kills of a group are spread over one beat, so that they meet every phase of it.
_SPREAD_S = 5.0
#: What a group's jobs may take to be done, past which they are lost.
_DONE_WITHIN_S = 180.0

#: Of each worker that was killed: seconds from its last beat until the last of its jobs was pending again, and when.
_RECOVERED = (
    "SELECT worker.pid, extract(epoch FROM max(run.finished_at) - worker.heartbeat_at)::float8,"
    " extract(epoch FROM max(run.finished_at))::float8"
    " FROM worker JOIN background_function_run AS run ON run.worker_id = worker.id AND run.status = 'LOST'"
    " GROUP BY worker.id"
)


@dataclass(slots=True)
class Kills:
    """`recovery_s` and `from_kill_s`: one a kill. `metric`: count and sum of callboard_recovery_seconds."""

    kills: int = 0
    recovery_s: list[float] = field(default_factory=list)
    from_kill_s: list[float] = field(default_factory=list)
    metric: tuple[float, float] = (0.0, 0.0)
    jobs: int = 0
    lost: int = 0
    doubled: int = 0

    @property
    def holds(self) -> bool:
        """Whether every kill was recovered in time, and nothing was lost or happened twice."""
        everyone = len(self.recovery_s) == self.kills > 0
        in_time = everyone and max(self.recovery_s) <= LONGEST_S and median(self.recovery_s) <= MEDIAN_S
        return in_time and not (self.lost or self.doubled)


def run(*, kills: int, together: int, settings: Mapping[str, str], say: Callable[[str], None]) -> Kills:
    """Kill so many workers, `together` at a time. Raises ServersError, NotInTime where no worker comes up."""
    found, dice = Kills(), random.Random(kills)
    with stage(settings) as played:
        # It takes no part in the work: it listens, and it is never killed.
        listener = played.workers(queues="nothing")
        played.ready(listener)
        while found.kills < kills:
            _group(played, found, min(together, kills - found.kills), dice)
            say(f"{found.kills} kills, recovered in {max(found.recovery_s, default=0.0):.1f} s at most")
        listener.stop()
        found.metric = _metric(played)
    return found


def report(found: Kills) -> Report:
    """As every benchmark says it."""
    spread = found.recovery_s or [0.0]
    from_kill = found.from_kill_s or [0.0]
    count, total_s = found.metric
    results = [
        Result("recovery", median(spread), "s", None, None, min(spread), max(spread)),
        Result("recovery-p95", _p95(spread), "s", None, None, min(spread), max(spread)),
        Result("from-kill", median(from_kill), "s", None, None, min(from_kill), max(from_kill)),
        *(
            Result(name, value, "workers" if name == "kills" else "jobs", None, None, value, value)
            for name, value in (
                ("kills", float(found.kills)),
                ("lost", float(found.lost)),
                ("doubled", float(found.doubled)),
            )
        ),
    ]
    notes = [
        f"recovery: from the last beat until the last job was pending; at most {LONGEST_S:g} s, median {MEDIAN_S:g} s",
        f"callboard_recovery_seconds observed {count:g} losses, {total_s / count if count else 0.0:.2f} s in the mean",
    ]
    return Report("recovery", 1, results, notes=notes)


def _group(played: Stage, found: Kills, size: int, dice: random.Random) -> None:
    victims = played.workers(processes=size, threads=_THREADS, environ={VICTIM: "1"})
    pids = played.ready(victims, size)
    # Twice as many as they can run: what a victim holds beside its running jobs comes back, too.
    count, first = 2 * size * _THREADS, found.jobs
    played.dispatch(count, first)
    found.jobs += count
    until(lambda: all((played.world / f"started-{pid}").exists() for pid in pids), "a job in each victim", 120)
    killed_at = _kill(victims, pids, dice)
    finisher = played.workers(threads=4, queues=QUEUE)
    expected = range(first, first + count)
    _wait(lambda: set(expected) <= set(played.done()))
    finisher.stop(60)
    times = Counter(played.done())
    found.lost += sum(times[number] == 0 for number in expected)
    found.doubled += sum(times[number] > 1 for number in expected)
    found.kills += size
    for pid, recovery_s, recovered_at in played.room.rows(_RECOVERED):
        if pid in killed_at:
            found.recovery_s.append(recovery_s)
            found.from_kill_s.append(recovered_at - killed_at[pid])


def _kill(victims: Troupe, pids: Sequence[int], dice: random.Random) -> dict[int, float]:
    """SIGKILL one after another, spread over a beat; Dramatiq's master, which would stop the others, is held still."""
    os.kill(victims.process.pid, signal.SIGSTOP)
    killed_at = {}
    for pid in pids:
        time.sleep(dice.uniform(0, 2 * _SPREAD_S / len(pids)))
        os.kill(pid, signal.SIGKILL)
        killed_at[pid] = time.time()
    victims.kill()
    return killed_at


def _wait(look: Callable[[], bool]) -> None:
    """Until it is so, or too late: then what is missing counts as lost."""
    deadline_s = time.monotonic() + _DONE_WITHIN_S
    while not look() and time.monotonic() < deadline_s:
        time.sleep(0.2)


def _metric(played: Stage) -> tuple[float, float]:
    found = samples(played.room)
    name = "callboard_recovery_seconds"
    return _sum(found.get(f"{name}_count", [])), _sum(found.get(f"{name}_sum", []))


def _sum(values: Sequence[tuple[Mapping[str, str], float]]) -> float:
    return sum(value for _, value in values)


def _p95(values: Sequence[float]) -> float:
    return values[0] if len(values) < 2 else quantiles(values, n=20, method="inclusive")[-1]
