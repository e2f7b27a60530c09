"""`callboard actions`: the operators' log."""

from __future__ import annotations

import argparse

from models.readings.actions import ActionFilter, ActionRow, list_actions
from models.readings.paging import database_now
from models.readings.wording import age, moment
from policy.states import Word
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.listing import add_page_options, add_words_option, row_number, show_page, span_of
from scripts.parsing import Subparsers
from scripts.screens import Column


class Verb(Word):
    """What operators do that is kept in the log."""

    CANCEL = "cancel"
    REQUEUE = "requeue"
    DISCARD = "discard"
    SETTLE = "settle"
    ADOPT = "adopt"
    SHOW_ARGS = "show-args"
    SEND = "send"
    PAUSE = "pause"
    RESUME = "resume"
    SET = "set"
    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"


def add_parser(commands: Subparsers) -> None:
    """Add `actions list` to the commands."""
    verbs = commands.add_parser("actions", help="list what operators did").add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="operator actions, the last first; refusals, too")
    listing.add_argument("--operator", metavar="NAME", help="by this operator")
    add_words_option(listing, "--verb", Verb, "verbs")
    listing.add_argument("--target", metavar="ID", help="on this job, dead letter, effect key, draft, client or lead")
    listing.add_argument("--plan", metavar="HASH", help="under this plan")
    add_page_options(listing, row_number)
    listing.set_defaults(run=run_list)


def run_list(args: argparse.Namespace) -> ExitCode:
    """Print a page of the log."""
    open_ledger()
    now = database_now()
    columns: list[Column[ActionRow]] = [
        Column("AT", lambda action: moment(action.at)),
        Column("AGE", lambda action: age(action.at, now), right=True),
        Column("OPERATOR", lambda action: action.operator, gives_way=True),
        Column("VERB", lambda action: action.verb),
        Column("TARGET", lambda action: action.target, gives_way=True),
        Column("RESULT", lambda action: action.result, gives_way=True),
        Column("REASON", lambda action: action.reason or "-", gives_way=True),
    ]
    wanted = ActionFilter(args.operator, args.verbs, args.target, args.plan)
    return show_page(list_actions(wanted, span_of(args)), columns, as_objects=args.json)
