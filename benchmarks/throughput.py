"""Jobs a second of worker processes: bare Dramatiq, variants of it, and ours, interleaved round by round.

Ours runs as a user would run it: info logs to a file, metrics and status on, every claim and finish committed (with
fsync) before the ack. The servers are shared by all systems; each round begins with an emptied ledger and Redis.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ground import Ground, RoundFailed
from benchmarks.meters import Meter, redis_version, steady_rate
from benchmarks.play import SYSTEMS
from benchmarks.pythons import python_of, with_bare
from benchmarks.report import Report, Result, compared
from benchmarks.workers import Workers
from benchmarks.workloads import WORKLOADS, Workload

#: Worker threads of each process.
THREADS = 8
_BARE, _BARE_HIREDIS, _BARE_PREFETCH, _OURS = "bare", "bare-hiredis", "bare-prefetch", "callboard"


@dataclass(frozen=True, slots=True)
class Measured:
    """One system in one round. Costs are per job."""

    jobs_per_s: float
    memory_mib: float
    commits: float
    round_trips: float
    redis_commands: float


def measure(
    ground: Ground,
    *,
    rooms: Path,
    workloads: Sequence[str],
    processes: Sequence[int],
    rounds: int,
    count: int,
    say: Callable[[str], None],
) -> Report:
    """Run every workload under every number of processes; all systems once a round.

    Raises RoundFailed, NotInstalled when bare Dramatiq cannot be installed.
    """
    report = Report("throughput", rounds)
    with ground.redis() as client:
        report.versions["redis server"] = redis_version(client)
    ground = with_bare(ground, rooms, report, say)
    for workload in workloads:
        for number in processes:
            report.results += _compare(ground, WORKLOADS[workload], number, rounds, count, say)
    report.notes += [f"{name}: {WORKLOADS[name].what}, {WORKLOADS[name].count(count)} jobs" for name in workloads]
    return report


def _compare(
    ground: Ground, workload: Workload, processes: int, rounds: int, count: int, say: Callable[[str], None]
) -> list[Result]:
    title = f"{workload.name} {processes}x{THREADS}"
    measured: dict[str, list[Measured]] = defaultdict(list)
    for number in range(rounds):
        for system in _systems(workload, processes):
            measured[system].append(one_round(ground, workload, system, processes, workload.count(count)))
            say(f"{title}  round {number + 1}/{rounds}  {system:14} {measured[system][-1].jobs_per_s:,.0f} jobs/s")
    return _results(title, measured)


def _systems(workload: Workload, processes: int) -> list[str]:
    """What is measured. What our parser is worth to bare is told once, where replies are nearly all there is to do."""
    once = workload.name == "noop" and processes == 1
    return [system for system in SYSTEMS if once or system != _BARE_HIREDIS]


def one_round(ground: Ground, workload: Workload, system: str, processes: int, count: int) -> Measured:
    """Fill, start workers, work off. Raises RoundFailed, also when the ledger does not know every job afterwards."""
    ground.empty()
    ground.run("benchmarks.fill", system, workload.name, count, python=python_of(system, ground))
    with closing(Meter(ground, workload, system, count)) as meter:
        with Workers(system, ground, processes=processes, threads=THREADS) as workers:
            before = meter.costs()
            workers.go()
            jobs_per_s = steady_rate(meter.done, count, workers, patience_s=meter.patience_s)
            memory_mib = workers.memory_mib()
        spent = meter.costs().since(before)
        if meter.left_in_redis():
            raise RoundFailed(f"{system} left {meter.left_in_redis()} copies in Redis: {workers.log}")
        if system == _OURS and meter.final_rows() != _expected_rows(workload, count):
            raise RoundFailed(f"{meter.final_rows()} of {_expected_rows(workload, count)} jobs are final in the ledger")
    return Measured(
        jobs_per_s, memory_mib, spent.commits / count, spent.redis_reads / count, spent.redis_commands / count
    )


def _expected_rows(workload: Workload, count: int) -> int:
    """Jobs that must have a row: one a key."""
    return len({workload.options(number).get("dispatch_key", number) for number in range(count)})


def _results(title: str, measured: dict[str, list[Measured]]) -> list[Result]:
    def named(field: str, suffix: str = "") -> dict[str, list[float]]:
        return {f"{title} {system}{suffix}": [getattr(one, field) for one in measured[system]] for system in measured}

    speeds = named("jobs_per_s")
    bare, prefetch, ours = (f"{title} {system}" for system in (_BARE, _BARE_PREFETCH, _OURS))
    equal = {prefetch: speeds[prefetch], f"{ours} (same prefetch)": speeds[ours]}
    return [
        *compared(speeds, "jobs/s", ratio_to=bare),
        *compared(equal, "jobs/s", ratio_to=prefetch)[1:],
        *compared(named("memory_mib", " memory"), "MiB/process", ratio_to=f"{bare} memory"),
        *compared(named("commits", " commits"), "commits/job", ratio_to=None)[-1:],
        *compared(named("round_trips", " round trips"), "reads/job", ratio_to=f"{bare} round trips"),
        *compared(named("redis_commands", " Redis commands"), "commands/job", ratio_to=f"{bare} Redis commands"),
    ]
