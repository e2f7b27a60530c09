"""`callboard down`: ends the servers that `callboard up` left running. Their data stay."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from policy.settings import read
from scripts.exits import ExitCode
from scripts.parsing import Subparsers
from servers import embedded


def add_parser(commands: Subparsers) -> None:
    """Add `down` to the commands."""
    parser = commands.add_parser(
        "down",
        help="end the embedded servers",
        description="End the servers that `callboard up` left under CALLBOARD_HOME. Their data stay."
        " Nothing running is no error.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """End the servers and wait until they are gone."""
    settings, _ = read(os.environ)
    ended = embedded.down(Path(settings.home))
    if not ended:
        print(f"callboard: no servers run for {settings.home}", file=sys.stderr)
    return ExitCode.DONE
