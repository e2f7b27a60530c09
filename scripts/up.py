"""`callboard up`: the embedded servers and the mail sink, left running until `callboard down`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from models import servers_file
from models.servers_file import Found
from policy.settings import read
from scripts.exits import ExitCode
from scripts.parsing import Subparsers
from servers import embedded
from servers.errors import Taken


def add_parser(commands: Subparsers) -> None:
    """Add `up` to the commands."""
    parser = commands.add_parser(
        "up",
        help="start the embedded servers and the mail sink",
        description="Start PostgreSQL, Valkey and a mail sink under CALLBOARD_HOME and leave them running,"
        " or find those that run. A server whose URL is set is not started.",
    )
    parser.add_argument("--json", action="store_true", help="one object instead of a line each")
    parser.add_argument("--dry-run", action="store_true", help="say what would be started, start nothing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Print where the servers are; the URLs hold the servers' passwords."""
    settings, warnings = read(os.environ)
    for warning in warnings:
        print(f"callboard: {warning}", file=sys.stderr)
    given = embedded.Given(settings.database_url, settings.redis_url, settings.smtp_url)
    if args.dry_run:
        return _tell(would_start(Path(settings.home), given), settings.home, as_json=args.json)
    told = shown(embedded.up(Path(settings.home), given=given))
    if args.json:
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(f"{name}={value}" for name, value in told.items()))
    return ExitCode.DONE


def would_start(home: Path, given: embedded.Given) -> list[str]:
    """The servers that `up` would start: none where all run, all that are not given by URL where one of them does not.

    Raises Taken where it would be refused.
    """
    urls = {"postgres": given.database_url, "valkey": given.redis_url, "mail_sink": given.smtp_url}
    told = servers_file.load(home)
    if told is not None and told["owner_pid"] is not None:
        raise Taken(f"the servers of {home} belong to process {told['owner_pid']} and end with it")
    if told is not None and all(told["pids"].values()):
        return []
    return [name for name, url in urls.items() if not url]


def _tell(names: list[str], home: str, *, as_json: bool) -> ExitCode:
    if as_json:
        print(json.dumps({"would_start": names}))
    else:
        print(f"would start {', '.join(names)} for {home}" if names else f"would start nothing for {home}")
    return ExitCode.DONE


def shown(found: Found) -> dict[str, str]:
    """What `up` prints, by name."""
    return {
        "database_url": found.database_url,
        "redis_url": found.redis_url,
        "smtp_url": found.smtp_url,
        "mail_dir": str(found.mail_dir),
    }
