"""`callboard ingest`: mails, or lines of messages, into lead messages and jobs. Repeating it does nothing twice."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.exits import ExitCode, one_line
from scripts.parsing import Subparsers

if TYPE_CHECKING:
    from actors.inbound import TakenIn
    from scripts.mailboxes import Mailbox
    from scripts.progress import Progress

#: The client of mail that names none; the demo's, too.
DEFAULT_CLIENT = "default"
DEFAULT_CAMPAIGN = "default"


def add_parser(commands: Subparsers) -> None:
    """Add `ingest` to the commands."""
    parser = commands.add_parser(
        "ingest",
        help="mails, SMS and LinkedIn messages into lead messages and jobs",
        description="Store the mails of a folder of .eml files, a Maildir or an mbox, or the SMS and LinkedIn messages"
        " of a file of JSON lines, as lead messages, and dispatch a job for each that has had none; all or none."
        " Malformed files and lines are named and skipped (exit 5).",
    )
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="a folder of *.eml, a Maildir, an mbox file, or *.jsonl"
    )
    parser.add_argument(
        "--client-id",
        "--client",
        type=client_id,
        default=DEFAULT_CLIENT,
        metavar="C",
        help="whose mail it is (default: %(default)s); an unknown client is made, with a campaign that sends at once",
    )
    parser.add_argument(
        "--sender",
        type=_address,
        metavar="ADDRESS",
        help="where a new client's replies come from (default: replies@CLIENT.example)",
    )
    parser.add_argument("--dry-run", action="store_true", help="read and report, store and dispatch nothing")
    parser.add_argument("--json", action="store_true", help="one object: received new known skipped dispatched")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Read the mailbox, then store and dispatch in one transaction."""
    from actors.broker import setup
    from scripts.ledger_access import configure_logs, open_ledger
    from scripts.progress import Progress

    progress = Progress()
    try:
        mailbox = _mailbox(args.path, progress)
        if args.dry_run or not (mailbox.mails or mailbox.skipped):
            return _report(args, mailbox, None)
        settings = open_ledger()
        setup()
        configure_logs(settings)
        progress.show(f"storing {len(mailbox.mails)} messages", at_once=True)
        taken = take_in_mailbox(mailbox, args.client_id, sender=args.sender)
    finally:
        progress.clear()
    return _report(args, mailbox, taken)


def _mailbox(path: Path, progress: Progress) -> Mailbox:
    """What is to be taken in; nothing of an empty folder or file. Raises MailboxUnreadable."""
    from messaging.mailboxes import MailboxEmpty
    from scripts.mailboxes import Mailbox, read_mailbox

    try:
        return read_mailbox(path, progress)
    except MailboxEmpty:
        return Mailbox()


def take_in_mailbox(mailbox: Mailbox, client_id: str, *, sender: str | None = None) -> TakenIn:
    """Store and dispatch; an unknown client gets a row and a campaign that sends at once. Needs `setup()`."""
    from actors.inbound import take_in
    from messaging import store
    from models.database import atomic

    with atomic():
        store.make_client(client_id, name=client_id, sender_address=sender or f"replies@{_label(client_id)}.example")
        campaign_id = store.make_campaign(client_id, DEFAULT_CAMPAIGN, auto_send=True)
        return take_in(client_id, campaign_id, mailbox.mails)


def client_id(text: str) -> str:
    """Raises ArgumentTypeError for what the table would refuse."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,62}", text):
        raise argparse.ArgumentTypeError(f"a client's id is of a-z, 0-9, '_', '.' and '-', at most 63, not {text!r}")
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"[!-;=?A-~]+@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*", text):
        raise argparse.ArgumentTypeError(f"not an address: {text!r}")
    return text


def _label(client_id: str) -> str:
    """The id as a label of a domain name."""
    return client_id.replace("_", "-").replace(".", "-").strip("-")


def _report(args: argparse.Namespace, mailbox: Mailbox, taken: TakenIn | None) -> ExitCode:
    told: dict[str, Any] = {
        "received": len(taken.lead_message_ids) if taken else len({mail.identity for mail in mailbox.mails}),
        "new": taken.new if taken else 0,
        "known": taken.known if taken else 0,
        "skipped": [asdict(one) for one in mailbox.skipped],
        "dispatched": taken.dispatched if taken else 0,
    }
    nothing = not (mailbox.mails or mailbox.skipped)
    if args.json:
        print(json.dumps(told))
    elif not nothing:
        for one in mailbox.skipped:
            print(f"callboard: skipped {one.file}: {one_line(one.reason)}", file=sys.stderr)
        counts = [f"{name} {len(value) if name == 'skipped' else value}" for name, value in told.items()]
        print("  ".join([*counts, *(["(dry run: nothing stored)"] if args.dry_run else [])]))
    if nothing:
        print(f"callboard: nothing matched: there is no message in {args.path}", file=sys.stderr)
        return ExitCode.NOTHING_MATCHED
    return ExitCode.PARTLY_DONE if mailbox.skipped else ExitCode.DONE
