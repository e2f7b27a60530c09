"""`callboard metrics`: the metrics page without a worker: served for hosts that only tick or dispatch, or printed once.

It must not know what is measured.
"""

from __future__ import annotations

import argparse
import sys

from middleware.configuration import database_url, redis_url
from scripts.exits import ExitCode
from scripts.ledger_access import settings_said
from scripts.parsing import Subparsers


def add_parser(commands: Subparsers) -> None:
    """Add `metrics` to the commands."""
    parser = commands.add_parser(
        "metrics",
        help="serve or print the metrics page",
        description="Serve the metrics page of this host until told to end, as a worker does for itself: where no"
        " worker runs, and to have the ledger's gauges while all workers are gone.",
    )
    parser.add_argument("--port", type=_port, metavar="N", help="listen here (default: CALLBOARD_METRICS_PORT)")
    parser.add_argument("--once", action="store_true", help="print the page as Prometheus text and leave")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM, or print. Raises SettingInvalid and ServersNotFound before anything is begun."""
    from middleware.ledger_gauges import read_gauges, serve  # the driver and the broker, which `--help` does without
    from middleware.metrics_server import page

    settings = settings_said()
    database_url(settings)
    redis_url(settings)
    if args.once:
        sys.stdout.write(page(read_gauges, "")[0].decode())
        return ExitCode.DONE
    port = settings.metrics_port if args.port is None else args.port
    if port == 0:
        print("callboard: CALLBOARD_METRICS_PORT is 0, which means nowhere: give --port", file=sys.stderr)
        return ExitCode.USAGE
    try:
        return serve(port)
    except SystemExit:  # SIGTERM is how it is meant to end
        return ExitCode.DONE


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"a port from 1 to 65535, not {text!r}")
    return int(text)
