"""`callboard leads`: opt a lead out by hand, or take that back."""

from __future__ import annotations

import argparse
from functools import partial
from uuid import UUID

from messaging.lead_wishes import find_lead, read_lead, set_opted_out
from models.ledger.operators import Operator
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.listing import add_client_option
from scripts.parsing import Subparsers
from scripts.patience import patiently
from scripts.several import Outcome, Result, add_operator_options, each, operator_of, report

_DONE = {True: "opted out", False: "opted in again"}


def add_parser(commands: Subparsers) -> None:
    """Add `leads opt-out` and `leads opt-in` to the commands."""
    verbs = commands.add_parser("leads", help="opt leads out").add_subparsers(metavar="VERB", required=True)
    out = verbs.add_parser("opt-out", help="never write to these leads again")
    out.set_defaults(run=partial(run, opted_out=True))
    back = verbs.add_parser("opt-in", help="take an opt-out back")
    back.set_defaults(run=partial(run, opted_out=False))
    for parser in (out, back):
        parser.add_argument("ids", metavar="LEAD", nargs="+", help="a lead's address, id, or the beginning of its id")
        add_client_option(parser)
        add_operator_options(parser, reason_required=parser is back)


def run(args: argparse.Namespace, *, opted_out: bool) -> ExitCode:
    """Set or take back the wish of each lead; on record. Raises Ambiguous for what names several leads."""
    open_ledger()
    operator = operator_of(args)

    def act(lead_id: UUID) -> Outcome:
        if args.dry_run:
            return _would_set(lead_id, opted_out=opted_out)
        return patiently(
            lambda: _set(lead_id, operator, opted_out=opted_out), "the lead's messages that are on their way"
        )

    found = each(args.ids, lambda text: find_lead(text, args.client_id).id, act)
    return report(found, as_objects=args.json)


def _set(lead_id: UUID, operator: Operator, *, opted_out: bool) -> Outcome:
    moved = set_opted_out(lead_id, operator, opted_out=opted_out)
    return Outcome(str(lead_id), Result.DONE, _text(lead_id, opted_out=opted_out, before=not moved))


def _would_set(lead_id: UUID, *, opted_out: bool) -> Outcome:
    lead = read_lead(lead_id)
    text = _text(lead_id, opted_out=opted_out, before=lead.opted_out is opted_out)
    return Outcome(str(lead_id), Result.WOULD_BE_DONE, f"dry run: {text}")


def _text(lead_id: UUID, *, opted_out: bool, before: bool) -> str:
    lead = read_lead(lead_id)
    was = " before" if before else ""
    return f"{_DONE[opted_out]}{was}: lead {lead.id} {lead.address} of client {lead.client_id}"
