"""`callboard doctor`: what is wrong with set-up and health; silent and 0 when all is well."""

from __future__ import annotations

import argparse
import os

from middleware.diagnosis import diagnose
from policy.settings import read
from scripts.exits import ExitCode
from scripts.parsing import Subparsers
from scripts.screens import as_json, harmless


def add_parser(commands: Subparsers) -> None:
    """Add `doctor` to the commands."""
    parser = commands.add_parser(
        "doctor",
        help="what is wrong with set-up and health",
        description="Settings, servers and their versions, schema, clocks, Redis's eviction and persistence, workers,"
        " queues, windows, dead letters. A line a problem with its remedy and exit 1; nothing and exit 0 when all is"
        " well.",
    )
    parser.add_argument("--json", action="store_true", help="a list of objects: name, text, remedy")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Look, and say what was found. Raises SettingInvalid."""
    settings, clamped = read(os.environ)
    problems = diagnose(settings, clamped)
    if args.json:
        print(as_json(problems))
    for problem in [] if args.json else problems:
        print(harmless(problem.line))
    return ExitCode.ERROR if problems else ExitCode.DONE
