"""`callboard windows`: dispatch windows and their outcomes."""

from __future__ import annotations

import argparse

from models.readings.paging import database_now
from models.readings.windows import WindowFilter, WindowRow, list_windows
from models.readings.wording import age, moment
from policy.states import WindowStatus
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.listing import (
    add_correlation_option,
    add_key_option,
    add_page_options,
    add_words_option,
    show_page,
    span_of,
)
from scripts.parsing import Subparsers
from scripts.screens import Column

#: How the dispatch keys of windows begin.
_KEYS_BEGIN = "background-jobs:"


def add_parser(commands: Subparsers) -> None:
    """Add `windows list` to the commands."""
    verbs = commands.add_parser("windows", help="list dispatch windows").add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="dispatch windows, the latest first")
    add_words_option(listing, "--status", WindowStatus, "statuses", alias="--state")
    listing.add_argument("--source", help="asked for by this source")
    add_key_option(listing, "the window of this dispatch key")
    add_correlation_option(listing)
    add_page_options(listing, _window_key)
    listing.set_defaults(run=run_list)


def run_list(args: argparse.Namespace) -> ExitCode:
    """Print a page of windows."""
    open_ledger()
    now = database_now()
    columns: list[Column[WindowRow]] = [
        Column("WINDOW", lambda window: moment(window.window_start)),
        Column("S", lambda window: str(window.window_seconds), right=True),
        Column("AGE", lambda window: age(window.window_start, now), right=True),
        Column("STATUS", lambda window: window.status),
        Column("MISSED", lambda window: str(window.missed_before), right=True),
        Column("SOURCE", lambda window: window.source, gives_way=True),
        Column("CORRELATION", lambda window: window.correlation_id, gives_way=True),
        Column("ERROR", lambda window: window.error_message or "-", gives_way=True),
    ]
    wanted = WindowFilter(args.statuses, args.source, args.key, args.correlation)
    return show_page(list_windows(wanted, span_of(args)), columns, as_objects=args.json)


def _window_key(text: str) -> str:
    if not text.startswith(_KEYS_BEGIN):
        raise ValueError(f"no window's key: {text!r}")
    return text
