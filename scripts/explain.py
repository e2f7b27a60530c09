"""`callboard explain`: the causal chain behind any id, why it stands where it stands, and what comes next."""

from __future__ import annotations

import argparse

from models.readings.chain import gather
from models.readings.identity import identify
from scripts.chain_screen import as_object, lines
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.parsing import Subparsers
from scripts.screens import as_json, screen_width
from scripts.strays import strays_named


def add_parser(commands: Subparsers) -> None:
    """Add `explain` to the commands."""
    parser = commands.add_parser(
        "explain",
        help="the causal chain behind an id",
        description="What happened, in order of time, from rows alone; then `now:` and `next:`. ID is a job, dead"
        " letter, lead message or draft id (or its beginning), run key, dispatch key, correlation id or effect key.",
    )
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--json", action="store_true", help="one object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Print the chain. Raises NotFound, and Ambiguous for a beginning that several ids share."""
    settings = open_ledger()
    with strays_named(settings, args.id):
        named = identify(args.id)
    chain = gather(named, lease_s=settings.lease_s)
    print(as_json(as_object(chain)) if args.json else "\n".join(lines(chain, screen_width())))
    return ExitCode.DONE
