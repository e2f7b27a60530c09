"""A chaos run: load, faults by seed, rest, the invariant check, the counts. It must not know how faults are made."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos_counts import Counted, counted
from benchmarks.chaos_plan import plan
from benchmarks.chaos_play import dies, kind_of, times_done
from benchmarks.chaos_stage import Stage, stage
from benchmarks.report import Report, Result, document
from middleware.invariant_check import check
from middleware.redis_broker import LedgerRedisBroker, redis_client
from models import database as db
from models.readings.invariants import Extent
from policy.settings import read
from rehearsal.troupe import until

#: Leases of a few seconds: a run of a minute meets many losses.
SETTINGS = {"CALLBOARD_HEARTBEAT_SECONDS": "0.5", "CALLBOARD_LEASE_SECONDS": "3", "CALLBOARD_RELAY_SECONDS": "0.2"}
LEASE_S = 3.0
#: Jobs dispatched a second.
RATE = 25.0
#: Seconds in which something must have come to an end once nothing breaks any more, until all has: what a busy machine
#: has left over is work, not a loss; what does not move is lost.
REST_WITHIN_S = 120.0


@dataclass(slots=True)
class Chaos:
    """What a run found. `lost`: answered dispatches without a job, jobs that never came to an end, jobs that succeeded
    without their effect. `doubled`: effects that happened twice. `held`: dead because nobody can know.
    """

    seed: int
    minutes: float
    faults: dict[str, int] = field(default_factory=dict)
    dispatched: int = 0
    done: int = 0
    dead: int = 0
    held: int = 0
    dead_unplanned: int = 0
    lost: int = 0
    doubled: int = 0
    attempts: dict[str, int] = field(default_factory=dict)
    rest_s: float = 0.0
    breaches: list[str] = field(default_factory=list)
    #: Of what was lost or doubled: number, state, reason, and how often its effect happened.
    wrong: list[str] = field(default_factory=list)
    counters: Counted | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, nothing happened twice, nobody died who should not, and every invariant holds.

        And no counter says more than the rows, or less by more than died in the hands of killed processes.
        """
        uncounted = self.counters is not None and not self.counters.holds
        return not (self.lost or self.doubled or self.dead_unplanned or self.breaches or uncounted)


def run(*, minutes: float, seed: int, say: Callable[[str], None], rate: float = RATE) -> Chaos:
    """Play it. Raises ServersError where servers cannot be started."""
    found = Chaos(seed, minutes)
    with stage(SETTINGS) as played:
        played.begin()
        until(lambda: played.room.value("SELECT count(*) FROM worker"), "the first worker")
        caller = _caller(played, rate)
        _break(played, minutes * 60, seed, say)
        (played.room.folder / "stop").touch()
        caller.wait(60)
        found.faults = dict(sorted(played.made.items()))
        say("nothing breaks any more: waiting for rest")
        found.rest_s = _rest(played)
        played.stop_workers()
        _count(played, found)
    return found


def report(found: Chaos) -> dict[str, Any]:
    """The object that `--json` ends with."""
    numbers = {name: float(getattr(found, name)) for name in ("dispatched", "done", "dead", "held", "lost", "doubled")}
    results = [Result(name, value, "jobs", None, None, value, value) for name, value in numbers.items()]
    return {**document(Report("chaos", 1, results)), **asdict(found), "clean": found.clean}


def text(found: Chaos) -> str:
    """The same for people."""
    faults = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.faults.items())
    counts = ", ".join(
        f"{name.replace('_', ' ')} {getattr(found, name)}"
        for name in ("dispatched", "done", "dead", "held", "dead_unplanned", "lost", "doubled")
    )
    counters = found.counters
    short = "" if counters is None else ", ".join(f"{name} {count}" for name, count in counters.short.items())
    over = 0 if counters is None else sum(counters.over.values())
    lost = 0 if counters is None else counters.in_hand
    lines = [f"seed {found.seed}, {found.minutes:g} min: {faults}", counts, f"at rest after {found.rest_s:.1f} s"]
    lines.append(f"rows that no counter knows: {short}; lost processes had {lost} in hand; counted twice: {over}")
    return "\n".join([*lines, *found.wrong, *(found.breaches or ["every invariant holds"])])


def _caller(played: Stage, rate: float) -> subprocess.Popen[bytes]:
    with (played.room.folder / "caller.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.chaos_caller", str(rate), str(played.room.folder)],
            cwd=played.room.folder,
            env=dict(played.room.environ),
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _break(played: Stage, seconds: float, seed: int, say: Callable[[str], None]) -> None:
    began_s = time.monotonic()
    for event in plan(seed, seconds, lease_s=LEASE_S):
        time.sleep(max(0.0, began_s + event.at_s - time.monotonic()))
        say(f"{time.monotonic() - began_s:6.1f} s  {event.fault.value}")
        played.make(event)
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))


def _rest(played: Stage) -> float:
    """Seconds until no job was to be done any more; what is left over when nothing moves any more is lost."""
    live = "SELECT count(*) FROM background_job WHERE state IN ('pending', 'queued', 'running')"
    began_s = moved_s = time.monotonic()
    least = None
    while time.monotonic() - moved_s < REST_WITHIN_S and (left := int(played.room.value(live))):
        if least is None or left < least:
            least, moved_s = left, time.monotonic()
        time.sleep(0.2)
    return time.monotonic() - began_s


def _count(played: Stage, found: Chaos) -> None:
    answered = [int(line) for line in (played.room.folder / "dispatched").read_text(encoding="ascii").split()]
    rows = played.room.rows(
        "SELECT job.dispatch_key, job.state, letter.reason FROM background_job AS job LEFT JOIN dead_letter AS letter"
        " ON letter.job_id = job.id AND letter.resolution = 'OPEN' WHERE job.actor = 'act'"
    )
    jobs = {int(key.partition(":")[2]): (state, reason) for key, state, reason in rows}
    world = Path(played.room.environ["CHAOS_FOLDER"])
    for number in answered:
        judge(found, number, *jobs.get(number, (None, None)), times_done(world, number))
    found.dispatched = len(answered)
    found.lost += len(rows) - len(jobs)
    statuses = played.room.rows("SELECT status, count(*) FROM background_function_run GROUP BY 1 ORDER BY 1")
    found.attempts = {status: int(times) for status, times in statuses}
    found.breaches = _breaches(played)
    found.counters = counted(played.room)


def judge(found: Chaos, number: int, state: str | None, reason: str | None, done: int) -> None:
    """Count one answered dispatch by how its job stands, why it is dead, and how often its effect happened."""
    before = (found.lost, found.doubled, found.dead_unplanned)
    found.doubled += done > 1
    if state == "succeeded":
        found.done += 1
        found.lost += done == 0
    elif state == "dead":
        found.dead += 1
        found.held += reason == "outcome_unknown"
        may_be_held = reason == "outcome_unknown" and kind_of(number) == "plain"
        found.dead_unplanned += not (dies(number) or may_be_held)
    else:
        found.lost += 1
    if before != (found.lost, found.doubled, found.dead_unplanned):
        found.wrong.append(f"job {number} is {state or 'not there'} ({reason or 'no letter'}), its effect {done} times")


def _breaches(played: Stage) -> list[str]:
    db.connect(played.room.database_url)
    settings, _ = read(played.room.environ)
    with redis_client(played.room.redis_url) as client:
        found = check(LedgerRedisBroker(client=client, middleware=[]), settings, Extent(newest=None))
    db.close_connection()
    return [breach.line for breach in found.breaches]
