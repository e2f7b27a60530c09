"""`callboard bench`: the benchmarks, on servers of their own. It must not know how anything is measured."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import bench_faults
from scripts.bench_amounts import positive, seconds
from scripts.exits import ExitCode
from scripts.parsing import OneLineParser, Subparsers

if TYPE_CHECKING:
    from benchmarks.ground import Ground
    from benchmarks.report import Report

_Measure = Callable[["Ground", argparse.Namespace], "Report"]

_WORKLOADS = ("noop", "dispatch", "io", "cpu", "failing", "duplicates", "payload-1k", "payload-100k")
_PEERS = (
    *("celery", "celery-results", "celery-late", "procrastinate", "dbos"),
    *("taskiq", "arq", "huey", "rq", "rq-simple"),
)
_FACTORS = {"k": 1_000, "m": 1_000_000}


def add_parser(commands: Subparsers) -> None:
    """`bench throughput` and its siblings."""
    parser = commands.add_parser("bench", help="measure Callboard against its peers", description=__doc__)
    kinds = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    throughput = _kind(kinds, "throughput", "jobs a second of workers, against bare Dramatiq", _throughput)
    throughput.add_argument(
        "--workload", nargs="+", choices=(*_WORKLOADS, "all"), default=["noop"], help="what the jobs do (default noop)"
    )
    throughput.add_argument(
        "--processes",
        type=positive,
        nargs="+",
        default=[1],
        metavar="N",
        help="worker processes (default 1)",
    )
    _amount(throughput, rounds=5, count=10_000, of="no-op jobs a round and system; slow workloads take fewer")
    dispatch = _kind(kinds, "dispatch", "jobs a second of a producer, against bare send()", _dispatch)
    _amount(dispatch, rounds=5, count=5_000, of="jobs a round and way")
    latency = _kind(kinds, "latency", "from dispatch to the actor's start, against bare Dramatiq", _latency)
    _amount(latency, rounds=3, count=60, of="calls a round, system and kind of load")
    latency.add_argument("--gap", type=seconds, default=3.0, metavar="S", help="between calls of an idle system (3)")
    latency.add_argument(
        "--load", type=positive, default=50, metavar="N", help="jobs a second under light load (default 50)"
    )
    growth = _kind(kinds, "growth", "jobs a second on ledgers that hold millions of finished jobs", _growth)
    growth.add_argument(
        "--rows", type=_size, nargs="+", default=[0, 1_000_000, 5_000_000], metavar="N", help="sizes (0 1m 5m)"
    )
    _amount(growth, rounds=5, count=10_000, of="jobs a round and size")
    peers = _kind(kinds, "peers", "jobs a second of other job systems, each installed by the suite", _peers)
    peers.add_argument(
        "--only", nargs="+", choices=_PEERS, default=list(_PEERS), metavar="NAME", help=", ".join(_PEERS)
    )
    _amount(peers, rounds=3, count=10_000, of="jobs a round of ours; slower systems take fewer")
    bench_faults.add_kinds(kinds)


def _kind(kinds: Subparsers, name: str, summary: str, measure: _Measure) -> OneLineParser:
    parser = kinds.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help=f"also write {name}.json and {name}.svg into this folder"
    )
    parser.set_defaults(run=lambda arguments: _run(arguments, measure))
    return parser


def _amount(parser: OneLineParser, *, rounds: int, count: int, of: str) -> None:
    parser.add_argument("--rounds", type=positive, default=rounds, help=f"interleaved rounds (default {rounds})")
    parser.add_argument("--count", type=positive, default=count, help=f"{of} (default {count})")


def _run(arguments: argparse.Namespace, measure: _Measure) -> int:
    """Measure on servers started for this run (fsync on), print, and write what `--out` asks for."""
    from benchmarks import chart, ground, report

    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    with ground.prepared(keep=_home() / "bench-failed") as prepared:
        found = measure(prepared, arguments)
    if arguments.out:
        (arguments.out / f"{found.benchmark}.json").write_text(report.encoded(found) + "\n", encoding="utf-8")
        (arguments.out / f"{found.benchmark}.svg").write_text(chart.svg(found), encoding="utf-8")
    print(bench_faults.on_one_line(report.document(found)) if arguments.json else report.text(found))
    return ExitCode.DONE


def _throughput(ground: Ground, arguments: argparse.Namespace) -> Report:
    from benchmarks import throughput

    return throughput.measure(
        ground,
        rooms=_rooms(),
        workloads=_WORKLOADS if "all" in arguments.workload else arguments.workload,
        processes=arguments.processes,
        rounds=arguments.rounds,
        count=arguments.count,
        say=_say,
    )


def _dispatch(ground: Ground, arguments: argparse.Namespace) -> Report:
    from benchmarks import dispatch_rate

    return dispatch_rate.measure(ground, rooms=_rooms(), rounds=arguments.rounds, count=arguments.count, say=_say)


def _latency(ground: Ground, arguments: argparse.Namespace) -> Report:
    from benchmarks import latency

    return latency.measure(
        ground,
        rooms=_rooms(),
        rounds=arguments.rounds,
        count=arguments.count,
        gap_s=arguments.gap,
        load_per_s=arguments.load,
        say=_say,
    )


def _growth(ground: Ground, arguments: argparse.Namespace) -> Report:
    from benchmarks import growth

    return growth.measure(ground, sizes=arguments.rows, rounds=arguments.rounds, count=arguments.count, say=_say)


def _peers(ground: Ground, arguments: argparse.Namespace) -> Report:
    from benchmarks import peers

    return peers.measure(
        ground,
        names=arguments.only,
        rooms=_rooms(),
        rounds=arguments.rounds,
        count=arguments.count,
        say=_say,
    )


def _rooms() -> Path:
    """Where what a benchmark installs is kept: bare Dramatiq and the peers, each in an environment of its own."""
    return _home() / "bench-peers"


def _home() -> Path:
    """Where peers' environments and a failed run's logs are kept; the servers' data are not."""
    from middleware.configuration import settings_in_force

    return Path(settings_in_force().home).absolute()


def _say(line: str) -> None:
    """Progress belongs to a terminal; a pipe gets the result alone."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


def _size(text: str) -> int:
    """A number of rows: 250000, 250k, 5m."""
    digits, factor = (text[:-1], _FACTORS[text[-1]]) if text[-1:] in _FACTORS else (text, 1)
    if not digits.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of rows, such as 0, 250k or 5m")
    return int(digits) * factor
