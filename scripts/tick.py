"""`callboard tick`: the current window dispatched, once, from cron or as a loop on any number of hosts."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from types import FrameType
from typing import TYPE_CHECKING, Any

from models.readings.paging import database_now
from models.readings.windows import window_of_key
from policy.errors import CallboardError, SettingInvalid
from policy.settings import read
from policy.windows import window_at
from scripts.exits import ExitCode, one_line, unreachable_line, unreachable_server
from scripts.ledger_access import open_ledger
from scripts.parsing import Subparsers

if TYPE_CHECKING:
    from actors.schedule import Ticked

#: What `--dry-run` answers in the place of a mode.
_NOTHING_DONE = {"mode": None, "dry_run": True}


#: Characters of a `--source`: it stands in lines, labels and tables.
_LONGEST_SOURCE = 200


def add_parser(commands: Subparsers) -> None:
    """Add `tick` to the commands."""
    parser = commands.add_parser(
        "tick",
        help="have the current dispatch window dispatched",
        description="Dispatch the current window: its row and two jobs, once, whoever else ticks. Exit 0 also when it"
        " was dispatched already; 1 when it could not be enqueued (the jobs are kept) or PostgreSQL is away.",
    )
    once_or_often = parser.add_mutually_exclusive_group()
    once_or_often.add_argument(
        "--every", type=_seconds, metavar="S", help="tick every S seconds until stopped; needs no leader"
    )
    once_or_often.add_argument(
        "--dry-run", action="store_true", help="say which window it is and whether it was dispatched; change nothing"
    )
    parser.add_argument(
        "--source", type=_source, default="scheduler", metavar="NAME", help="who asks; kept with window and jobs"
    )
    parser.add_argument(
        "--json", action="store_true", help="one object a tick: mode, the window's columns, existing, error"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Tick once, or until a signal comes; then what runs is finished, and the exit code is 0."""
    if args.every is not None:
        with _until_signalled() as stopping:
            return _loop(args, stopping)
    try:
        return _look(args) if args.dry_run else _once(args)
    except Exception as error:
        problem = _expected(error)
        if args.json and problem is not None:
            _print_unanswered(args, problem)
        raise


def _once(args: argparse.Namespace) -> ExitCode:
    from actors.schedule import tick

    open_ledger()
    return _print(tick(args.source), as_json=args.json)


def _look(args: argparse.Namespace) -> ExitCode:
    """`--dry-run`: the window by the database's clock, and its row if somebody has dispatched it."""
    settings = open_ledger()
    window = window_at(database_now(), settings.dispatch_window_s, args.source)
    existing = window_of_key(window.dispatch_key)
    if args.json:
        from actors.tick_answer import outlook

        print(json.dumps(outlook(window, existing) | _NOTHING_DONE))
    elif existing is None:
        print(f"would dispatch {window.dispatch_key}")
    else:
        print(
            f"there already {window.dispatch_key}: {existing.status} since {existing.updated_at} by {existing.source}"
        )
    return ExitCode.DONE


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
        except Exception as error:
            problem = _expected(error)
            if problem is None:
                raise
            if args.json:
                _print_unanswered(args, problem)
            print(f"callboard: {problem}", file=sys.stderr, flush=True)
        # A tick that took longer than its turn leaves the turns out that it missed.
        behind = max(0.0, time.monotonic() - due_s)
        due_s += args.every * max(1, math.ceil(behind / args.every))
    return ExitCode.DONE


def _expected(error: Exception) -> str | None:
    """What kept a tick from its answer, on one line; None for a defect, and for a setting, which keeps every tick."""
    if isinstance(error, SettingInvalid):
        return None
    if isinstance(error, CallboardError):
        return one_line(str(error))
    server = unreachable_server(error)
    return server and unreachable_line(server, error)


def _print_unanswered(args: argparse.Namespace, problem: str) -> None:
    """The object of a tick that got no answer, so that who reads objects reads of it; the window by our own clock."""
    from actors.tick_answer import unanswered

    settings, _ = read(os.environ)
    window = window_at(datetime.now(timezone.utc), settings.dispatch_window_s, args.source)
    print(json.dumps(unanswered(window, problem) | (_NOTHING_DONE if args.dry_run else {})), flush=True)


def _print(ticked: Ticked, *, as_json: bool, quiet: bool = False) -> ExitCode:
    """One tick's answer; in a loop (`quiet`) a suppressed duplicate is no news for people."""
    if as_json:
        from actors.tick_answer import shown

        print(json.dumps(shown(ticked)), flush=True)
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


def _source(text: str) -> str:
    """A name that says something: windows and jobs keep it."""
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_SOURCE:
        raise argparse.ArgumentTypeError(f"{text!r} is no name: 1 to {_LONGEST_SOURCE} printable signs on one line")
    return text


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
