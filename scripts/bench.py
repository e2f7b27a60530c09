"""`callboard bench`: the benchmarks, on servers of their own. It must not know how anything is measured."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from scripts.exits import ExitCode
from scripts.parsing import Subparsers


def add_parser(commands: Subparsers) -> None:
    """`bench throughput`."""
    parser = commands.add_parser("bench", help="measure Callboard against its peers", description=__doc__)
    kinds = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    throughput = kinds.add_parser("throughput", help="no-op jobs a second, against bare Dramatiq")
    throughput.add_argument("--rounds", type=_positive, default=5, help="interleaved rounds (default 5)")
    throughput.add_argument("--count", type=_positive, default=10_000, help="jobs a round and system (default 10000)")
    throughput.add_argument("--json", action="store_true", help="end with one JSON object")
    throughput.set_defaults(run=run_throughput)


def run_throughput(arguments: argparse.Namespace) -> int:
    """Measure on servers started for this run (fsync on), and print medians and ratios."""
    from benchmarks import report, throughput
    from models.database import close_connection, connect
    from models.migrate import migrate
    from servers import embedded

    with tempfile.TemporaryDirectory(prefix="cb-bench-") as folder:
        os.chmod(folder, 0o755)
        home = Path(folder) / "home"
        with embedded.running(home) as servers:
            connect(servers.database_url)
            migrate()
            close_connection()
            environ = {
                "CALLBOARD_DATABASE_URL": servers.database_url,
                "CALLBOARD_REDIS_URL": servers.redis_url,
                "CALLBOARD_HOME": str(home),
                "CALLBOARD_METRICS_PORT": "0",
            }
            found = throughput.measure(
                environ, rounds=arguments.rounds, count=arguments.count, log_folder=Path(folder), say=_say
            )
    print(report.encoded(found, arguments.rounds) if arguments.json else report.text(found, arguments.rounds))
    return ExitCode.DONE


def _say(line: str) -> None:
    """Progress belongs to a terminal; a pipe gets the result alone."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return number
