"""`callboard prune`: retention now, instead of bit by bit at every window's maintenance."""

from __future__ import annotations

import argparse
import json

from models.ledger.retention import prunable, prune
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.parsing import Subparsers


def add_parser(commands: Subparsers) -> None:
    """Add `prune` to the commands."""
    parser = commands.add_parser(
        "prune",
        help="remove what is finished and older than CALLBOARD_RETENTION_DAYS",
        description="Remove finished jobs with their attempts, resolved dead letters, windows, ended workers and the"
        " operators' log past CALLBOARD_RETENTION_DAYS (the log: at least 30 days). Effects, lead messages, open"
        " letters and keys whose period still runs stay.",
    )
    parser.add_argument("--dry-run", action="store_true", help="say how many rows would go, and change nothing")
    parser.add_argument("--json", action="store_true", help="one object: kind to number of rows")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Prune until nothing is left; it may be interrupted and repeated at any time."""
    settings = open_ledger()
    counts = (prunable if args.dry_run else prune)(settings.retention_days)
    if args.json:
        print(json.dumps({"dry_run": args.dry_run, "retention_days": settings.retention_days, **counts}, indent=2))
        return ExitCode.DONE
    verb = "would go" if args.dry_run else "gone"
    for name, count in counts.items():
        print(f"{count:>9} {name.replace('_', ' ')} {verb}")
    return ExitCode.DONE
