"""`callboard up`: the embedded servers and the mail sink, left running until `callboard down`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from models.servers_file import Found
from policy.settings import read
from scripts.exits import ExitCode
from scripts.parsing import Subparsers
from servers import embedded


def add_parser(commands: Subparsers) -> None:
    """Add `up` to the commands."""
    parser = commands.add_parser(
        "up",
        help="start the embedded servers and the mail sink",
        description="Start PostgreSQL, Valkey and a mail sink under CALLBOARD_HOME and leave them running,"
        " or find those that run. A server whose URL is set is not started.",
    )
    parser.add_argument("--json", action="store_true", help="one object instead of a line each")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Print where the servers are; the URLs hold the servers' passwords."""
    settings, warnings = read(os.environ)
    for warning in warnings:
        print(f"callboard: {warning}", file=sys.stderr)
    given = embedded.Given(settings.database_url, settings.redis_url, settings.smtp_url)
    told = shown(embedded.up(Path(settings.home), given=given))
    if args.json:
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(f"{name}={value}" for name, value in told.items()))
    return ExitCode.DONE


def shown(found: Found) -> dict[str, str]:
    """What `up` prints, by name."""
    return {
        "database_url": found.database_url,
        "redis_url": found.redis_url,
        "smtp_url": found.smtp_url,
        "mail_dir": str(found.mail_dir),
    }
