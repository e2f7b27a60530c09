"""No-op jobs a second: one worker process of eight threads, plain `send()`, bare Dramatiq against ours, interleaved.

Ours runs as a user would run it: info logs to a file, metrics and status on, every claim and finish committed (with
fsync) before the ack. The servers are shared by all systems of a round.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.noop_worker import SYSTEMS
from benchmarks.report import Result, results
from policy.errors import CallboardError

#: Worker threads of each system.
THREADS = 8


class RoundFailed(CallboardError):
    """A worker of the benchmark ended in error; its log says why.

    Acts: whoever runs the benchmark.
    """


def measure(
    environ: Mapping[str, str], *, rounds: int, count: int, log_folder: Path, say: Callable[[str], None]
) -> list[Result]:
    """Run `rounds` rounds of every system and give jobs a second and memory, with ratios to bare Dramatiq.

    `environ` names the servers. Raises RoundFailed.
    """
    speeds: dict[str, list[float]] = {system: [] for system in SYSTEMS}
    memories: dict[str, list[float]] = {system: [] for system in SYSTEMS}
    for number in range(rounds):
        for system in SYSTEMS:
            measured = _run(environ, system, count, log_folder / f"{system}.log")
            speeds[system].append(measured["jobs_per_s"])
            memories[system].append(measured["memory_mib"])
            say(f"round {number + 1}/{rounds}  {system:14} {measured['jobs_per_s']:,.0f} jobs/s")
    memory = {f"{system} memory": values for system, values in memories.items()}
    return [
        *results(speeds, "jobs/s", ratio_to="bare"),
        *results(memory, "MiB", ratio_to="bare memory"),
    ]


def _run(environ: Mapping[str, str], system: str, count: int, log: Path) -> dict[str, float]:
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "benchmarks.noop_worker", system, str(count), str(THREADS)]
    with log.open("ab") as lines:
        done = subprocess.run(
            command,
            cwd=root,
            env={**os.environ, **environ, **SYSTEMS[system]},
            stdout=subprocess.PIPE,
            stderr=lines,
            check=False,
        )
    if done.returncode != 0:
        raise RoundFailed(f"{system} ended with {done.returncode}: see {log}")
    measured: dict[str, float] = json.loads(done.stdout.decode().splitlines()[-1])
    return measured
