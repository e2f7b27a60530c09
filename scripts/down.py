"""`callboard down`: ends the servers that `callboard up` left running. Their data stay."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from models import servers_file
from policy.settings import read
from scripts.exits import ExitCode
from scripts.parsing import Subparsers
from servers import embedded
from servers.errors import Taken


def add_parser(commands: Subparsers) -> None:
    """Add `down` to the commands."""
    parser = commands.add_parser(
        "down",
        help="end the embedded servers",
        description="End the servers that `callboard up` left under CALLBOARD_HOME. Their data stay."
        " Nothing running is no error.",
    )
    parser.add_argument("--json", action="store_true", help="one object: whether servers were stopped")
    parser.add_argument("--dry-run", action="store_true", help="say what would be ended, end nothing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """End the servers and wait until they are gone, or say whether there are any."""
    settings, _ = read(os.environ)
    home = Path(settings.home)
    found = runs_without_owner(home) if args.dry_run else embedded.down(home)
    if args.json:
        print(json.dumps({"stopped": False, "would_stop": found} if args.dry_run else {"stopped": found}))
    elif args.dry_run and found:
        print(f"would end the servers of {settings.home}")
    if not found:
        print(f"callboard: no servers run for {settings.home}", file=sys.stderr)
    return ExitCode.DONE


def runs_without_owner(home: Path) -> bool:
    """Whether `down` would end servers, or wait for the end of some. Raises Taken where it would be refused."""
    told = servers_file.load(home)
    if told is not None and told["owner_pid"] is not None:
        raise Taken(f"the servers of {home} belong to process {told['owner_pid']} and end with it")
    return told is not None or servers_file.supervisor_alive(home)
