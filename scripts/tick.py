"""`callboard tick`: the current window dispatched, once, from cron or as a loop on any number of hosts."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from policy.errors import CallboardError, SettingInvalid
from scripts.exits import ExitCode, one_line, unreachable_line, unreachable_server
from scripts.ledger_access import open_ledger
from scripts.parsing import Subparsers

if TYPE_CHECKING:
    from actors.schedule import Ticked


def add_parser(commands: Subparsers) -> None:
    """Add `tick` to the commands."""
    parser = commands.add_parser(
        "tick",
        help="have the current dispatch window dispatched",
        description="Dispatch the current window: its row and two jobs, once, whoever else ticks. Exit 0 also when it"
        " was dispatched already; 1 when it could not be enqueued (the jobs are kept) or PostgreSQL is away.",
    )
    parser.add_argument(
        "--every", type=_seconds, metavar="S", help="tick every S seconds until stopped; needs no leader"
    )
    parser.add_argument("--source", default="scheduler", metavar="NAME", help="who asks; kept with window and jobs")
    parser.add_argument(
        "--json", action="store_true", help="one object a tick: mode, the window's columns, existing, error"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Tick once, or until a signal comes; then what runs is finished, and the exit code is 0."""
    from actors.schedule import tick

    if args.every is None:
        open_ledger()
        return _print(tick(args.source), as_json=args.json)
    with _until_signalled() as stopping:
        return _loop(args, stopping)


def _loop(args: argparse.Namespace, stopping: threading.Event) -> ExitCode:
    """Every so many seconds by the monotonic clock, so that a clock that is set changes nothing here; the database's
    clock says which window it is. What is away is waited for.
    """
    from actors.schedule import tick

    due_s, opened = time.monotonic(), False
    while not stopping.wait(max(0.0, due_s - time.monotonic())):
        try:
            opened = opened or bool(open_ledger())
            _print(tick(args.source, stopping=stopping), as_json=args.json, quiet=True)
        except SettingInvalid:
            raise
        except CallboardError as error:
            _complain(str(error))
        except Exception as error:
            server = unreachable_server(error)
            if server is None:
                raise
            _complain(unreachable_line(server, error))
        # A tick that took longer than its turn leaves the turns out that it missed.
        behind = max(0.0, time.monotonic() - due_s)
        due_s += args.every * max(1, math.ceil(behind / args.every))
    return ExitCode.DONE


def _print(ticked: Ticked, *, as_json: bool, quiet: bool = False) -> ExitCode:
    """One tick's answer; in a loop (`quiet`) a suppressed duplicate is no news for people."""
    if as_json:
        from actors.tick_answer import shown

        print(json.dumps(shown(ticked), default=str), flush=True)
    elif not (quiet and ticked.mode.value == "duplicate_suppressed"):
        print("\n".join(lines(ticked)), flush=True)
    return ExitCode.ERROR if ticked.mode.value == "enqueue_failed" else ExitCode.DONE


def lines(ticked: Ticked) -> Iterator[str]:
    """The answer for people: a line, and one more for each thing out of the ordinary."""
    found = ticked.existing
    if ticked.mode.value == "duplicate_suppressed" and found is not None:
        yield f"{ticked.mode.value} {found.dispatch_key}: {found.status} since {found.updated_at} by {found.source}"
    else:
        yield f"{ticked.mode.value} {ticked.window.dispatch_key}" + (
            f": {one_line(ticked.error)}" if ticked.error else ""
        )
    if ticked.inline is not None:
        yield "run here: " + (
            ", ".join(f"{count} {name}" for name, count in sorted(ticked.inline.items())) or "nothing"
        )
    if found is None and ticked.window.missed_before:
        yield f"{ticked.window.missed_before} windows before it passed without a tick"
    if ticked.repaired:
        yield f"{len(ticked.repaired)} earlier windows enqueued: {', '.join(ticked.repaired)}"
    if ticked.unstarted:
        names = ", ".join(ticked.unstarted)
        yield f"{len(ticked.unstarted)} enqueued windows begun by no worker (is one running?): {names}"


def _complain(message: str) -> None:
    print(f"callboard: {one_line(message)}", file=sys.stderr, flush=True)


def _seconds(text: str) -> float:
    """A number of seconds, more than nothing and at most a day."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"a number of seconds, more than 0 and at most 86400, not {text!r}")
    return seconds


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """An event that SIGTERM or Ctrl-C sets; the second signal interrupts as usual."""
    stopping = threading.Event()
    former: dict[int, Any] = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        stopping.set()
        signal.signal(number, former[number])

    for number in (int(signal.SIGTERM), int(signal.SIGINT)):
        former[number] = signal.signal(number, ask)
    try:
        yield stopping
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
