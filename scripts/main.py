"""The console script `callboard`: finds the command, runs it, and turns however it ends into an exit code.

Knows the commands by name only: a command's module is imported when it is asked for, so `--help` stays quick.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from policy.errors import CallboardError
from scripts.exits import ExitCode, code_for, one_line, unreachable_line, unreachable_server
from scripts.parsing import OneLineParser, Subparsers
from scripts.standard_output import output_failure, prepare_output, reader_has_gone

#: Every command, in the order of `--help`: its name, which is also its module in scripts/, and what it does.
#: The module has `add_parser(commands: Subparsers) -> None`, which sets `run=`, a function from the
#: parsed arguments to an exit code.
COMMANDS: Final[dict[str, str]] = {
    "demo": "the whole road, end to end",
    "ingest": "a mailbox into lead messages and jobs",
    "sample": "a made-up client with a year of threads",
    "up": "start the embedded servers and leave them running",
    "down": "stop the embedded servers",
    "migrate": "bring the schema to head",
    "config": "the settings in force, secrets masked",
    "worker": "run jobs",
    "metrics": "serve or print the metrics page",
    "dispatch": "dispatch one job by hand",
    "tick": "have the current dispatch window dispatched",
    "serve": "answer health probes, and take ticks over HTTP",
    "runs": "list and show attempts",
    "jobs": "list, show and cancel jobs",
    "windows": "list dispatch windows",
    "workers": "list workers",
    "explain": "the causal chain behind an id",
    "dlq": "dead letters: list, show, plan, apply, settle, …",
    "send": "have a draft sent, through the gate",
    "clients": "kill switch, sending hours and rates of clients",
    "leads": "opt leads out",
    "actions": "list what operators did",
    "doctor": "what is wrong with set-up and health",
    "check": "which invariant does not hold",
    "prune": "remove what is finished and old",
    "replay": "past conversations through today's code, nothing let out",
    "bench": "measure Callboard against its peers",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` without the program's name, by default the process's own.

    Returns the exit code (`scripts.exits.ExitCode`). An error that is none of the expected ones is a defect:
    it is raised, and Python prints its traceback and leaves with 1.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        prepare_output()
        with _terminated_by_exception():
            code = _run(arguments)
            sys.stdout.flush()  # here, where a reader that has gone, or a full disk, can still be met quietly
            return code
    except SystemExit as leaving:
        return _code_of(leaving)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except CallboardError as error:
        return _say(str(error), code_for(error))
    except Exception as error:
        return _code_of_outside(error)


def _run(arguments: list[str]) -> int:
    try:
        parsed = build_parser(arguments).parse_args(arguments)
        return int(parsed.run(parsed))
    except SystemExit as leaving:  # help, too, is something that was printed
        return _code_of(leaving)


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these arguments: all commands by name, the one they name with its own options."""
    parser = OneLineParser(
        prog="callboard",
        description="The board by the stage door: what was dispatched, what ran, what was sent, and why.",
        epilog="Each command has --help. Exit codes: 0 done, 1 error or not healthy, 2 usage, "
        "3 nothing matched, 4 refused by an invariant, 5 partly done.",
    )
    parser.add_argument("--version", action=_PrintVersion, nargs=0, help="print the version and leave")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        _add_command(commands, name, summary, loaded=name == wanted)
    return parser


def _add_command(commands: Subparsers, name: str, summary: str, *, loaded: bool) -> None:
    if loaded:
        importlib.import_module(f"scripts.{name}").add_parser(commands)
    else:
        commands.add_parser(name, help=summary)


class _PrintVersion(argparse.Action):
    """`--version`, looked up when it is asked for: importing the metadata takes as long as all the rest."""

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: object, _values: object, _option: str | None = None
    ) -> NoReturn:
        import importlib.metadata  # here for the reason above

        try:
            version = importlib.metadata.version("callboard")
        except importlib.metadata.PackageNotFoundError:
            version = "(not installed: run `make .venv`)"
        print(f"callboard {version}")
        parser.exit()


@contextmanager
def _terminated_by_exception() -> Iterator[None]:
    """While a command runs, SIGTERM ends it as an exception does: what it opened is closed and stopped.

    Only the main thread may set handlers; elsewhere (a test's thread) nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(ExitCode.TERMINATED)


def _code_of(leaving: SystemExit) -> int:
    if leaving.code is None:
        return ExitCode.DONE
    if isinstance(leaving.code, int):
        return leaving.code
    return _say(str(leaving.code), ExitCode.ERROR)


def _code_of_outside(error: Exception) -> int:
    """The code of an error that is not ours but expected at this edge; any other is raised again."""
    if isinstance(error, BrokenPipeError) and reader_has_gone():
        return ExitCode.BROKEN_PIPE
    if isinstance(error, OSError):
        failure = output_failure(error)
        if failure is not None:
            return _say(f"cannot write to standard output: {failure}", ExitCode.ERROR)
    server = unreachable_server(error)
    if server is None:
        raise error
    return _say(unreachable_line(server, error), ExitCode.ERROR)


def _say(message: str, code: ExitCode) -> ExitCode:
    print(f"callboard: {one_line(message)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
