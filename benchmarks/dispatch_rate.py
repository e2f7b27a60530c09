"""Jobs a second that one producer enqueues: `dispatch()` and its bulk form against bare `send()`, interleaved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.ground import Ground, administering
from benchmarks.meters import redis_version
from benchmarks.producer import MODES
from benchmarks.pythons import python_of, with_bare
from benchmarks.report import Report, compared

_PEER = "bare send"


def measure(ground: Ground, *, rooms: Path, rounds: int, count: int, say: Callable[[str], None]) -> Report:
    """Every mode once a round. Raises RoundFailed, NotInstalled when bare Dramatiq cannot be installed."""
    report = Report("dispatch", rounds)
    with ground.redis() as client:
        report.versions["redis server"] = redis_version(client)
    ground = with_bare(ground, rooms, report, say)
    with administering(ground.database_url) as cursor:
        cursor.execute("CREATE TABLE bench_caller (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
    speeds: dict[str, list[float]] = {mode: [] for mode in MODES}
    for number in range(rounds):
        for mode, (system, _, _) in MODES.items():
            ground.empty()
            said = ground.run("benchmarks.producer", mode, count, python=python_of(system, ground))
            speeds[mode].append(float(said.split()[-1]))
            say(f"round {number + 1}/{rounds}  {mode:40} {speeds[mode][-1]:,.0f} jobs/s")
    report.results += compared(speeds, "jobs/s", ratio_to=_PEER)
    report.notes += [
        "one process and thread; a dispatch is committed (fsync on) before it is enqueued; a send() is in Redis alone",
        "dispatch_many 5000 is more than the ready list takes: what does not fit stays pending for the relay",
    ]
    return report
