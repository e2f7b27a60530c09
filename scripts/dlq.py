"""`callboard dlq`: dead letters listed and shown, run again or closed for good, one or several by their ids."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from uuid import UUID

from models.readings.letter_groups import By
from policy.settings import Settings
from policy.states import Resolution
from scripts import letter_verbs
from scripts.applying import add_apply
from scripts.dead_entries import add_adopt, add_sync
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.letter_filters import add_filter_options, filter_of
from scripts.letter_list import show_groups, show_letters
from scripts.letter_screen import show_letter
from scripts.listing import add_page_options, add_words_option
from scripts.parsing import Subparsers
from scripts.planning import add_plan
from scripts.settling import add_settle
from scripts.several import Outcome, add_operator_options, each, login_name, operator_of, report


def add_parser(commands: Subparsers) -> None:
    """Add `dlq list`, `show`, `requeue` and `discard` to the commands."""
    verbs = commands.add_parser("dlq", help="dead letters").add_subparsers(metavar="VERB", required=True)
    _add_list(verbs)
    _add_show(verbs)
    requeue = verbs.add_parser("requeue", help="run dead jobs again, where every invariant allows it")
    requeue.add_argument(
        "ids", metavar="ID", nargs="+", help="a dead letter's id or its job's, or the beginning of one"
    )
    add_operator_options(requeue)
    requeue.set_defaults(run=run_requeue)
    discard = verbs.add_parser("discard", help="close dead letters for good")
    discard.add_argument(
        "ids", metavar="ID", nargs="+", help="a dead letter's id or its job's, or the beginning of one"
    )
    add_operator_options(discard, reason_required=True)
    discard.set_defaults(run=run_discard)
    add_plan(verbs)
    add_apply(verbs)
    add_settle(verbs)
    add_adopt(verbs)
    add_sync(verbs)


def _add_list(verbs: Subparsers) -> None:
    listing = verbs.add_parser("list", help="dead letters, the last died first; open ones unless told otherwise")
    add_filter_options(listing)
    add_words_option(listing, "--resolution", Resolution, "resolutions")
    listing.add_argument("--all", action="store_true", help="whatever their resolution")
    listing.add_argument("--by", choices=[by.value for by in By], help="groups: how many, since when")
    add_page_options(listing)
    listing.set_defaults(run=run_list)


def _add_show(verbs: Subparsers) -> None:
    showing = verbs.add_parser("show", help="one dead letter with its whole story")
    showing.add_argument("id", metavar="ID", help="a dead letter's id or its job's, or the beginning of one")
    showing.add_argument("--show-args", action="store_true", help="the message's arguments, too; this is recorded")
    showing.add_argument("--operator", metavar="NAME", help="who asks for the arguments (default: the login name)")
    showing.add_argument("--json", action="store_true", help="one object")
    showing.set_defaults(run=run_show)


def run_list(args: argparse.Namespace) -> ExitCode:
    """Print a page of dead letters."""
    settings = open_ledger()
    resolutions = tuple(Resolution) if args.all else tuple(args.resolutions) or (Resolution.OPEN,)
    wanted = filter_of(args, () if len(resolutions) == len(Resolution) else resolutions)
    if args.by is not None:
        return show_groups(wanted, args)
    return show_letters(settings, wanted, args)


def run_show(args: argparse.Namespace) -> ExitCode:
    """Print a dead letter. Raises NotFound, Ambiguous."""
    settings = open_ledger()
    letter = letter_verbs.find(args.id, settings)
    operator = (args.operator or login_name()) if args.show_args else None
    show_letter(letter, lease_s=settings.lease_s, shown_to=operator, as_object=args.json)
    return ExitCode.DONE


def run_requeue(args: argparse.Namespace) -> ExitCode:
    """Requeue letters, each by itself; then their entries in Redis are removed."""
    settings = open_ledger()
    if args.dry_run:
        return _each(args, settings, letter_verbs.would_requeue)
    operator = operator_of(args)
    with letter_verbs.dead_queues(settings) as remove:
        return _each(
            args,
            settings,
            lambda one: letter_verbs.requeue(one, operator, dedupe_s=settings.dedupe_s, remove_entry=remove),
        )


def run_discard(args: argparse.Namespace) -> ExitCode:
    """Discard letters, each by itself; then their entries in Redis are removed."""
    settings = open_ledger()
    operator = operator_of(args)
    if args.dry_run:
        return _each(args, settings, lambda one: letter_verbs.would_discard(one, args.reason))
    with letter_verbs.dead_queues(settings) as remove:
        return _each(args, settings, lambda one: letter_verbs.discard(one, operator, remove_entry=remove))


def _each(args: argparse.Namespace, settings: Settings, act: Callable[[UUID], Outcome]) -> ExitCode:
    found = each(args.ids, lambda text: letter_verbs.find(text, settings).id, act)
    return report(found, as_objects=args.json)
