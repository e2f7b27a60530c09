"""No-op jobs a second of other job systems, each in its own environment, ours interleaved: executions are counted.

A peer that cannot be installed or does not run is reported as such and left out; no number is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.ground import Ground, RoundFailed
from benchmarks.meters import redis_version, steady_rate
from benchmarks.peer_list import PEERS, Peer
from benchmarks.peer_plays import counting
from benchmarks.peer_rooms import Room, room_of
from benchmarks.report import Report, compared
from benchmarks.workers import Running, Workers

THREADS = 8
_OURS = "callboard"
#: Between two looks at the counters, in s.
_LOOK_EVERY_S = 0.02


def measure(
    ground: Ground, *, names: Sequence[str], rooms: Path, rounds: int, count: int, say: Callable[[str], None]
) -> Report:
    """Ours and each named peer once a round. Raises RoundFailed when ours does not run."""
    report = Report("peers", rounds)
    with ground.redis() as client:
        report.versions["redis server"] = redis_version(client)
    installed = _installed(names, rooms, report, say)
    speeds: dict[str, list[float]] = {name: [] for name in [_OURS, *installed]}
    for number in range(rounds):
        for name in list(speeds):
            try:
                speeds[name].append(_rate(ground, name, installed.get(name), count))
            except RoundFailed as error:
                if name == _OURS:
                    raise
                report.notes.append(f"{name}: not measured: {error}")
                del speeds[name]
                continue
            say(f"round {number + 1}/{rounds}  {name:16} {speeds[name][-1]:,.0f} jobs/s")
    report.results += compared(speeds, "jobs/s", ratio_to=_OURS)
    report.notes += [f"{name}: {PEERS[name].setting}; durable: {PEERS[name].durable}" for name in installed]
    return report


def _installed(names: Sequence[str], rooms: Path, report: Report, say: Callable[[str], None]) -> dict[str, Room]:
    """The peers that could be installed; notes and versions go into the report."""
    installed: dict[str, Room] = {}
    for name in names:
        try:
            installed[name] = room_of(PEERS[name].environment, PEERS[name].packages, rooms, say)
        except RoundFailed as error:
            report.notes.append(f"{name}: not installed: {error}")
            continue
        report.versions |= {f"{PEERS[name].environment}: {one}": v for one, v in installed[name].versions.items()}
    return installed


def _rate(ground: Ground, name: str, room: Room | None, count: int) -> float:
    """One round of one system, on an emptied Redis and, for a peer, a database of its own."""
    ground.empty()
    counts = ground.folder / "counts"
    counts.mkdir(exist_ok=True)
    for left in counts.iterdir():
        left.unlink()
    if room is None:
        return _own_rate(ground, counts, count)
    return _peer_rate(ground, PEERS[name], room, counts, PEERS[name].count(count))


def _own_rate(ground: Ground, counts: Path, count: int) -> float:
    ground.run("benchmarks.fill", _OURS, "counted", count)
    with Workers(_OURS, ground, processes=1, threads=THREADS, settings={counting.VARIABLE: str(counts)}) as workers:
        workers.go()
        return steady_rate(partial(counting.counted, counts), count, workers, patience_s=_LOOK_EVERY_S)


def _peer_rate(ground: Ground, peer: Peer, room: Room, counts: Path, count: int) -> float:
    own = ground.with_database("bench_peer", migrated=False)
    environ = _environ(own, counts) | peer.environ
    module = [str(room.programs / "python"), "-m", f"benchmarks.peer_plays.{peer.module}"]
    log = ground.folder / f"{peer.name}.log"
    if peer.prepared:
        ground.run_command([*module, "prepare"], log=log.name, environ=environ)
    ground.run_command([*module, str(count)], log=log.name, environ=environ)
    program, *arguments = peer.worker
    worker = [str(room.programs / program), *arguments]
    with Running(worker, environ=ground.environ(**environ), log=log) as running:
        return steady_rate(partial(counting.counted, counts), count, running, patience_s=_LOOK_EVERY_S)


def _environ(ground: Ground, counts: Path) -> dict[str, str]:
    return {
        "BENCH_REDIS_URL": ground.redis_url,
        "RQ_REDIS_URL": ground.redis_url,  # read by RQ's own command line
        "BENCH_DATABASE_URL": ground.database_url,
        counting.VARIABLE: str(counts),
        "PYTHONWARNINGS": "ignore",
        "C_FORCE_ROOT": "1",  # Celery refuses to unpickle as root; nothing is pickled here
    }
