"""`callboard worker`: Dramatiq's own worker on our broker and families, every process with our log lines and metrics.

Signals and exit codes are Dramatiq's: 0 after SIGTERM or SIGINT, 1 killed or broken, 2 a module that cannot be
imported.
"""

from __future__ import annotations

import argparse

from middleware import logs
from middleware.configuration import database_url, redis_url, settings_in_force, warn_of_contradictions
from scripts.parsing import Subparsers

#: What is always imported; the families bind to the broker that `setup` makes.
_BROKER = "actors.broker:setup"
_FAMILIES = "actors"
#: Threads of a process, as Dramatiq has it.
_THREADS = 8


def add_parser(commands: Subparsers) -> None:
    """Add `worker` to the commands."""
    parser = commands.add_parser(
        "worker",
        help="run jobs",
        description="Run Dramatiq's worker with Callboard's broker, our families of actors and those of MODULE."
        " SIGTERM and SIGINT end it in order; exit codes are Dramatiq's.",
    )
    parser.add_argument("modules", metavar="MODULE", nargs="*", help="further actors, importable from this folder")
    parser.add_argument("--processes", "-p", type=_positive, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--threads", "-t", type=_positive, default=_THREADS, metavar="N", help="in each (default 8)")
    parser.add_argument("--queues", "-Q", nargs="+", metavar="Q", help="these queues only (default: all)")
    parser.add_argument("--pid-file", metavar="PATH", help="where the master writes its pid")
    parser.add_argument(
        "--shutdown-timeout", type=_positive, default=600, metavar="S", help="seconds that running jobs are given (600)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until told to end. Raises SettingInvalid and ServersNotFound before any process is started."""
    from dramatiq.cli import main, make_argument_parser  # takes as long as all else; `--help` does without

    # The forks inherit it, and what has been warned of; those that are spawned do both for themselves.
    logs.configure_from_environment()
    settings = settings_in_force()
    warn_of_contradictions(settings)
    database_url(settings)
    redis_url(settings)
    parsed = make_argument_parser().parse_args(arguments(args))  # type: ignore[no-untyped-call]
    return int(main(parsed))  # type: ignore[no-untyped-call]


def arguments(args: argparse.Namespace) -> list[str]:
    """Dramatiq's own command line for ours."""
    line = [_BROKER, _FAMILIES, *args.modules, "--skip-logging"]
    line += ["--processes", str(args.processes), "--threads", str(args.threads)]
    line += ["--worker-shutdown-timeout", str(args.shutdown_timeout * 1000)]
    if args.pid_file:
        line += ["--pid-file", args.pid_file]
    return [*line, "--queues", *args.queues] if args.queues else line


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)
