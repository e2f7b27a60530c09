"""`callboard check`: which invariant does not hold; silent and 0 when all do. It must not know what they mean."""

from __future__ import annotations

import argparse
import sys

from middleware.configuration import redis_url
from middleware.invariant_check import check
from middleware.redis_broker import LedgerRedisBroker, redis_client
from models.readings.invariants import Extent
from policy.invariants import SENTENCES, Invariant
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.parsing import Subparsers
from scripts.screens import as_json, harmless


def add_parser(commands: Subparsers) -> None:
    """Add `check` to the commands."""
    parser = commands.add_parser(
        "check",
        help="which invariant does not hold",
        description="One line a breach and exit 1; nothing and exit 0 when every invariant holds.",
    )
    parser.add_argument(
        "--all", action="store_true", help="look at every attempt and letter, not only at the newest 20,000"
    )
    parser.add_argument("--json", action="store_true", help="one object: invariants, breaches, unchecked")
    parser.set_defaults(run=run_check)


def run_check(args: argparse.Namespace) -> ExitCode:
    """Look, and say what was found. Without Redis what it would know is left out, and said so."""
    settings = open_ledger()
    # Redis's dead may be met here: the check says so, it does not fail.
    broker = LedgerRedisBroker(client=redis_client(redis_url(settings)), middleware=[])
    report = check(broker, settings, Extent(newest=None) if args.all else Extent())
    if args.json:
        print(
            as_json(
                {
                    "invariants": {name.value: SENTENCES[name] for name in Invariant},
                    "breaches": list(report.breaches),
                    "unchecked": report.unchecked,
                }
            )
        )
    else:
        for breach in report.breaches:
            print(harmless(breach.line))
        if report.unchecked:
            print(f"callboard: not checked: {report.unchecked}", file=sys.stderr)
    return ExitCode.ERROR if report.breaches else ExitCode.DONE
