"""`callboard sample`: a made-up client with a year of threads, to look at, to replay, to try a change on."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING

from scripts.exits import ExitCode
from scripts.parsing import Subparsers

if TYPE_CHECKING:
    from messaging.sample_data.threads import SampleThread
    from messaging.sample_store import Stored

#: The client that the sample belongs to unless another is named.
DEFAULT_CLIENT = "sample"
DEFAULT_THREADS = 120


def add_parser(commands: Subparsers) -> None:
    """Add `sample` to the commands."""
    from scripts.ingest import client_id

    parser = commands.add_parser(
        "sample",
        help="a made-up client with a year of threads",
        description="Write a made-up client, its campaigns, leads and threads: what was answered is history, what is"
        " open stays open. Nothing is dispatched and nothing is sent. Repeating it adds nothing; another seed adds"
        " other threads.",
    )
    parser.add_argument(
        "--client-id", "--client", type=client_id, default=DEFAULT_CLIENT, metavar="C", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=_seed, default=0, metavar="S", help="0 to 999 (default: %(default)s)")
    parser.add_argument(
        "--threads", type=_threads, default=DEFAULT_THREADS, metavar="N", help="1 to 1000 (default: %(default)s)"
    )
    parser.add_argument(
        "--today", type=_day, default=None, metavar="DAY", help="the year before this day (default: today, UTC)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    parser.add_argument("--json", action="store_true", help="one object: client_id threads messages known open kinds")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Invent the threads and write those that are not there."""
    from messaging.sample_data.threads import invent_threads
    from messaging.sample_store import count_new, store_sample
    from scripts.ledger_access import open_ledger

    open_ledger()
    threads = invent_threads(args.client_id, seed=args.seed, count=args.threads, today=args.today or _today())
    stored = (count_new if args.dry_run else store_sample)(args.client_id, threads)
    _report(args, threads, stored)
    return ExitCode.DONE


def _report(args: argparse.Namespace, threads: list[SampleThread], stored: Stored) -> None:
    waiting = sum(thread.messages[-1].open for thread in threads)
    kinds = Counter(thread.kind for thread in threads)
    if args.json:
        told = {"client_id": args.client_id, "seed": args.seed, "dry_run": args.dry_run, "threads": stored.threads}
        print(json.dumps(told | {"messages": stored.messages, "known": stored.known, "open": waiting, "kinds": kinds}))
        return
    note = "  (dry run: nothing stored)" if args.dry_run else ""
    print(f"client {args.client_id}  threads {stored.threads}  messages {stored.messages}  known {stored.known}{note}")
    print(
        f"of {len(threads)} threads {waiting} wait for an answer: "
        + ", ".join(f"{k} {n}" for k, n in sorted(kinds.items()))
    )


def _seed(text: str) -> int:
    return _number(text, 0, 999, "a seed")


def _threads(text: str) -> int:
    return _number(text, 1, 1000, "a number of threads")


def _number(text: str, least: int, most: int, what: str) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{what} is a number from {least} to {most}, not {text!r}")
    return int(text)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a day is written YYYY-MM-DD, not {text!r}") from error
    if day > _today():
        raise argparse.ArgumentTypeError(f"{text} is yet to come: a thread is history")
    return day


def _today() -> date:
    return datetime.now(timezone.utc).date()
