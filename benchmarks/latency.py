"""Milliseconds from the call that enqueues to the start of the actor: ours by `dispatch()`, bare by `send()`.

Both systems' workers stand idle side by side, each on a Redis database of its own, and are called in turn. The clock
is the machine's monotonic one, which all its processes share (Linux: clock_gettime(2), CLOCK_MONOTONIC).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import count as numbers
from pathlib import Path
from subprocess import PIPE, Popen
from types import TracebackType

from benchmarks.ground import Ground, RoundFailed
from benchmarks.meters import redis_version
from benchmarks.play import STARTS_KEY
from benchmarks.pythons import python_of, with_bare
from benchmarks.report import Report, Result, compared
from benchmarks.workers import Workers

THREADS = 8
_SYSTEMS = ("bare", "callboard")
_PERCENTILES = (50, 95, 99)
#: Seconds that a start may take before the round has failed.
_START_WITHIN_S = 15
#: Calls in each system that are not counted: connections are made, statements prepared.
_WARM_UP = 5


class Caller:
    """A producer process of one system that enqueues one job when told, and says when it began to."""

    def __init__(self, system: str, ground: Ground) -> None:
        self._log = (ground.folder / f"caller-{system}.log").open("ab")
        self._process = Popen(
            [python_of(system, ground), "-m", "benchmarks.caller", system],
            env=ground.environ(),
            stdin=PIPE,
            stdout=PIPE,
            stderr=self._log,
        )
        self._client = ground.redis()
        self._numbers = numbers()

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._client.close()
        self._log.close()

    def latencies_ms(self, calls: int, gap_s: float) -> list[float]:
        """Enqueue so many, about `gap_s` apart, and give each one's latency."""
        called_ns: dict[int, int] = {}
        for _ in range(calls):
            number = next(self._numbers)
            called_ns[number] = self._call(number, gap_s)
        return [(started_ns - called_ns[number]) / 1e6 for number, started_ns in self._starts(calls)]

    def _call(self, number: int, gap_s: float) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{number} {gap_s}\n".encode())
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise RoundFailed(f"the producer has ended: {self._log.name}")
        return int(said)

    def _starts(self, calls: int) -> list[tuple[int, int]]:
        starts: list[tuple[int, int]] = []
        for _ in range(calls):
            popped = self._client.blpop([STARTS_KEY], timeout=_START_WITHIN_S)
            if popped is None:
                raise RoundFailed(f"a job was not started within {_START_WITHIN_S} s")
            number, started_ns = popped[1].split()
            starts.append((int(number), int(started_ns)))
        return starts


def measure(
    ground: Ground, *, rooms: Path, rounds: int, count: int, gap_s: float, load_per_s: float, say: Callable[[str], None]
) -> Report:
    """`count` calls a round, system and kind, on idle workers and under light load.

    Raises RoundFailed, NotInstalled when bare Dramatiq cannot be installed.
    """
    report = Report("latency", rounds)
    with ground.redis() as client:
        report.versions["redis server"] = redis_version(client)
    ground = with_bare(ground, rooms, report, say)
    grounds = {"bare": ground.with_redis_database(1), "callboard": ground}
    found: dict[str, dict[str, list[list[float]]]] = {kind: {one: [] for one in _SYSTEMS} for kind in ("idle", "light")}
    with ExitStack() as stack:
        callers = {system: _worked(stack, system, grounds[system]) for system in _SYSTEMS}
        for number in range(rounds):
            idle = _idle(callers, count, gap_s)
            for system, caller in callers.items():
                found["idle"][system].append(idle[system])
                found["light"][system].append(caller.latencies_ms(count, 1 / load_per_s))
                say(f"round {number + 1}/{rounds}  {system:10} idle p50 {percentile(idle[system], 50):,.1f} ms")
    for kind, samples in found.items():
        report.results += [one for rank in _PERCENTILES for one in _ranked(kind, samples, rank)]
    report.notes += [
        f"{count} calls a round and system; idle: one each {gap_s} s; light: {load_per_s:,.0f} a second",
        f"1 process of {THREADS} threads; from before the call that enqueues to the first statement of the actor",
    ]
    return report


def _worked(stack: ExitStack, system: str, ground: Ground) -> Caller:
    """A caller whose system has a worker that is up and has been called a few times."""
    workers = stack.enter_context(Workers(system, ground, processes=1, threads=THREADS))
    workers.go()
    caller = stack.enter_context(Caller(system, ground))
    caller.latencies_ms(_WARM_UP, 0.1)
    return caller


def _idle(callers: Mapping[str, Caller], count: int, gap_s: float) -> dict[str, list[float]]:
    """One call of each system in turn, so that both meet the same minutes."""
    found: dict[str, list[float]] = {system: [] for system in callers}
    for _ in range(count):
        for system, caller in callers.items():
            found[system] += caller.latencies_ms(1, gap_s / len(callers))
    return found


def _ranked(kind: str, samples: Mapping[str, Sequence[Sequence[float]]], rank: int) -> list[Result]:
    rounds = {f"{kind} p{rank} {system}": [percentile(one, rank) for one in samples[system]] for system in samples}
    return compared(rounds, "ms", ratio_to=f"{kind} p{rank} bare")


def percentile(values: Sequence[float], rank: int) -> float:
    """The smallest value that at least `rank` percent do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * rank // 100) - 1)]
