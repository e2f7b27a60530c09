"""`callboard send`: a person has a draft sent. The gate decides, as it does for every other send."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.ledger.operators import Operator
from models.readings.identity import Kind, identify
from models.readings.wording import moment
from scripts.exits import ExitCode
from scripts.ledger_access import configure_logs, open_ledger
from scripts.parsing import Subparsers
from scripts.patience import patiently
from scripts.several import Outcome, Result, add_operator_options, each, operator_of, report


@dataclass(frozen=True, slots=True)
class Sending(Outcome):
    """What became of the request: the job that sends, and until when it waits."""

    job_id: UUID | None = None
    not_before: datetime | None = None


def add_parser(commands: Subparsers) -> None:
    """Add `send` to the commands."""
    parser = commands.add_parser(
        "send",
        help="have a draft sent, through the gate",
        description="Have drafts sent as jobs. The gate refuses what it would refuse any job, but that a campaign need"
        " not send by itself; a draft that was refused or has failed is judged anew. Outside the sending hours and over"
        " the rate the job waits.",
    )
    parser.add_argument("ids", metavar="DRAFT", nargs="+", help="a draft's id, or its beginning")
    add_operator_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Dispatch the sends that the gate allows; each request is recorded, refusals too."""
    from actors.broker import setup

    settings = open_ledger()
    setup()
    configure_logs(settings)
    operator = operator_of(args)
    act = _would_send if args.dry_run else lambda draft_id: _send(draft_id, operator)
    outcomes = each(args.ids, _draft_id, lambda draft_id: patiently(lambda: act(draft_id), "the lead's other messages"))
    return report(outcomes, as_objects=args.json)


def _send(draft_id: UUID, operator: Operator) -> Outcome:
    from actors.manual_send import send_by_hand

    asked = send_by_hand(draft_id, operator)
    waits = "" if asked.not_before is None else f", not before {moment(asked.not_before)}Z ({asked.waits_for})"
    text = f"send of draft {draft_id} dispatched as job {asked.job_id}{waits}"
    if asked.duplicate_of_state is not None:
        text = f"send of draft {draft_id} was asked for before: job {asked.job_id} is {asked.duplicate_of_state}"
    return Sending(str(draft_id), Result.DONE, text, None, None, asked.job_id, asked.not_before)


def _would_send(draft_id: UUID) -> Outcome:
    from actors.manual_send import would_send

    wait = would_send(draft_id).wait
    waits = "" if wait is None else f", not before {moment(wait.until)}Z ({wait.why})"
    until = None if wait is None else wait.until
    return Sending(str(draft_id), Result.WOULD_BE_DONE, f"would send draft {draft_id}{waits}", None, None, None, until)


def _draft_id(text: str) -> UUID:
    return identify(text, frozenset({Kind.DRAFT})).uuid
