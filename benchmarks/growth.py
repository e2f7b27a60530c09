"""No-op jobs a second of one worker process on ledgers that hold nothing, a million, five million finished jobs.

Each size has a database of its own on one server, so that the sizes can be measured in turn, round by round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from benchmarks import history
from benchmarks.ground import Ground, value
from benchmarks.meters import Meter, redis_version, steady_rate
from benchmarks.report import Report, compared
from benchmarks.workers import Workers
from benchmarks.workloads import WORKLOADS

THREADS = 8
_WORKLOAD = WORKLOADS["noop"]


def measure(ground: Ground, *, sizes: Sequence[int], rounds: int, count: int, say: Callable[[str], None]) -> Report:
    """`count` jobs on every size once a round. Raises RoundFailed."""
    report = Report("growth", rounds)
    with ground.redis() as client:
        report.versions["redis server"] = redis_version(client)
    grounds = {size: _with_history(ground, size, report, say) for size in sizes}
    speeds: dict[str, list[float]] = {_name(size): [] for size in sizes}
    for number in range(rounds):
        for size, grown in grounds.items():
            speeds[_name(size)].append(_rate(grown, count))
            say(f"round {number + 1}/{rounds}  {_name(size):24} {speeds[_name(size)][-1]:,.0f} jobs/s")
    report.results += compared(speeds, "jobs/s", ratio_to=_name(min(sizes)))
    report.notes.append(f"1 process of {THREADS} threads, {count} no-op jobs a round by send()")
    return report


def _with_history(ground: Ground, size: int, report: Report, say: Callable[[str], None]) -> Ground:
    grown = ground.with_database(f"bench_{size}")
    written = history.write(grown.database_url, size, lambda rows: say(f"{_name(size)}: {rows:,} written"))
    rows = value(grown.database_url, "SELECT count(*) FROM background_function_run")
    disk_mib = written.size_bytes / 2**20
    report.notes.append(
        f"{_name(size)}: {rows:,} attempts of as many jobs, {disk_mib:,.0f} MiB on disk, written in"
        f" {written.seconds:,.0f} s"
    )
    return grown


def _rate(ground: Ground, count: int) -> float:
    with ground.redis() as client:
        client.flushdb()
    ground.run("benchmarks.fill", "callboard", _WORKLOAD.name, count)
    with (
        closing(Meter(ground, _WORKLOAD, "callboard", count)) as meter,
        Workers("callboard", ground, processes=1, threads=THREADS) as workers,
    ):
        workers.go()
        return steady_rate(meter.done, count, workers, patience_s=meter.patience_s)


def _name(size: int) -> str:
    return f"callboard at {size:,} rows"
