"""`callboard bench chaos`, `faults`, `recovery`, `poison`: what breaks, on servers of its own. It must not know how."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from scripts.bench_amounts import minutes, positive, seconds
from scripts.exits import ExitCode
from scripts.parsing import OneLineParser, Subparsers


def add_kinds(kinds: Subparsers) -> None:
    """These four, among the other benchmarks."""
    chaos = _kind(kinds, "chaos", "load, and faults by seed; then the invariants, and what was lost", _chaos)
    chaos.add_argument("--minutes", type=minutes, default=1.0, metavar="M", help="how long things break (default 1)")
    chaos.add_argument("--seed", type=int, default=1, metavar="S", help="which faults come when (default 1)")
    chaos.add_argument("--rate", type=positive, default=25, metavar="N", help="jobs dispatched a second (default 25)")
    faults = _kind(kinds, "faults", "each fault on stock Dramatiq and on Callboard: lost, doubled, stuck", _faults)
    faults.add_argument("--only", nargs="+", metavar="NAME", help="these faults alone (an unknown name lists them)")
    faults.add_argument(
        "--watch",
        type=seconds,
        default=120.0,
        metavar="S",
        help="how long stock is watched a fault (default 120)",
    )
    faults.add_argument("--page", action="store_true", help="print the page docs/faults.md instead of a table")
    recovery = _kind(
        kinds, "recovery", "seconds until a killed worker's jobs are pending again, by many kills", _recovery
    )
    recovery.add_argument("--kills", type=positive, default=100, metavar="N", help="workers to kill (default 100)")
    recovery.add_argument("--together", type=positive, default=10, metavar="N", help="of which at a time (default 10)")
    recovery.add_argument(
        "--lease",
        type=seconds,
        metavar="S",
        help="a lease of so many seconds, beats of a sixth of it (default: 30 s)",
    )
    poison = _kind(kinds, "poison", "one job that kills its worker, among many good ones: who is dead", _poison)
    poison.add_argument("--good", type=positive, default=10_000, metavar="N", help="good jobs (default 10000)")
    poison.add_argument("--within", type=seconds, default=900.0, metavar="S", help="give up after (default 900)")


def _kind(kinds: Subparsers, name: str, summary: str, run: Callable[[argparse.Namespace], int]) -> OneLineParser:
    parser = kinds.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.set_defaults(run=run)
    return parser


def _chaos(arguments: argparse.Namespace) -> int:
    from benchmarks import chaos

    found = chaos.run(minutes=arguments.minutes, seed=arguments.seed, rate=float(arguments.rate), say=_say)
    print(on_one_line(chaos.report(found)) if arguments.json else chaos.text(found))
    return ExitCode.DONE if found.clean else ExitCode.ERROR


def _faults(arguments: argparse.Namespace) -> int:
    from benchmarks import faults

    unknown = sorted(set(arguments.only or ()) - set(faults.FAULTS))
    if unknown:
        print(f"callboard: no fault is called {', '.join(unknown)}: {', '.join(faults.FAULTS)}", file=sys.stderr)
        return ExitCode.USAGE
    rows = faults.measure(arguments.only or list(faults.FAULTS), watch_s=arguments.watch, say=_say)
    if arguments.json:
        print(on_one_line(faults.report(rows, arguments.watch)))
    else:
        print(faults.page(rows, arguments.watch) if arguments.page else faults.text(rows))
    return ExitCode.DONE if faults.ours_is_clean(rows) else ExitCode.ERROR


def _recovery(arguments: argparse.Namespace) -> int:
    from benchmarks import recovery, report

    lease_s = arguments.lease
    settings = {} if lease_s is None else {"CALLBOARD_LEASE_SECONDS": str(lease_s)}
    if lease_s is not None:
        settings["CALLBOARD_HEARTBEAT_SECONDS"] = str(lease_s / 6)
    found = recovery.run(kills=arguments.kills, together=arguments.together, settings=settings, say=_say)
    shown = recovery.report(found)
    print(on_one_line(report.document(shown)) if arguments.json else report.text(shown))
    return ExitCode.DONE if found.holds else ExitCode.ERROR


def _poison(arguments: argparse.Namespace) -> int:
    from benchmarks import poison, report

    found = poison.run(good=arguments.good, within_s=arguments.within, say=_say)
    shown = poison.report(found)
    print(on_one_line(report.document(shown)) if arguments.json else report.text(shown))
    return ExitCode.DONE if found.holds else ExitCode.ERROR


def on_one_line(found: object) -> str:
    """The JSON that `--json` ends with: the last line of standard output is the whole of it."""
    return json.dumps(found)


def _say(line: str) -> None:
    """Progress belongs to a terminal; a pipe gets the result alone."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)
