"""`callboard serve`: the health server alone, for a host whose clock speaks HTTP and that runs no workers."""

from __future__ import annotations

import argparse
import os

from policy.errors import CallboardError
from scripts.exits import ExitCode
from scripts.ledger_access import configure_logs, settings_said
from scripts.parsing import Subparsers


class PortRefused(CallboardError):
    """The port cannot be listened on.

    Acts: an operator, who names another one.
    """


def add_parser(commands: Subparsers) -> None:
    """Add `serve` to the commands."""
    parser = commands.add_parser(
        "serve",
        help="answer /live, /ready and POST /dispatch without running jobs",
        description="Answer health probes and take ticks over HTTP (POST /dispatch, Authorization: Bearer"
        " CALLBOARD_CRON_SECRET), without running jobs. Workers bring the same server along. SIGTERM and SIGINT end"
        " it with exit code 0.",
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="listen there (default: CALLBOARD_HEALTH_PORT; 0: any free port)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Serve until told to end. Raises SettingInvalid, PortRefused."""
    from actors.health import TICK_COMMAND  # takes as long as all else; `--help` does without
    from middleware.health_server import bind, health_server

    settings = settings_said()
    configure_logs(settings)
    port = settings.health_port if args.port is None else args.port
    try:
        listening = bind(port)
    except OSError as error:
        raise PortRefused(
            f"cannot listen on port {port} ({os.strerror(error.errno or 0)}): name another one with --port"
        ) from error
    print(f"serving /live, /ready and /dispatch on port {listening.getsockname()[1]}", flush=True)
    if not settings.cron_secret:
        print("CALLBOARD_CRON_SECRET is not set: every POST /dispatch is refused", flush=True)
    health_server(settings, TICK_COMMAND, workers_expected=False).serve(listening)
    return ExitCode.DONE


def _port(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"a port from 0 to 65535, not {text!r}")
    return int(text)
