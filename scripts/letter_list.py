"""Dead letters on a screen, a page or in groups; entries that only Redis has are marked."""

from __future__ import annotations

import argparse
import contextlib
import sys

from middleware.configuration import redis_url
from middleware.letter_view import Seen, view
from middleware.redis_broker import redis_client
from models.readings.letter_groups import By, LetterGroup, group_letters
from models.readings.letters import LetterFilter, LetterRow
from models.readings.paging import Page, database_now
from models.readings.wording import age, moment
from policy.errors import ServersNotFound
from policy.settings import Settings
from policy.states import Resolution
from scripts.exits import ExitCode
from scripts.listing import show_page, span_of
from scripts.screens import Column, plain

#: Seconds that a list waits for Redis: the ledger's letters are worth showing without it.
_REDIS_TIMEOUT_S = 2.0


def show_letters(settings: Settings, wanted: LetterFilter, args: argparse.Namespace) -> ExitCode:
    """Print a page of letters, and of entries without one."""
    client = None
    with contextlib.suppress(ServersNotFound):
        client = redis_client(redis_url(settings), timeout_s=_REDIS_TIMEOUT_S)
    found, now = view(client, wanted, span_of(args)), database_now()
    columns: list[Column[Seen]] = [
        Column("LETTER", _name),
        Column("ACTOR", lambda row: row.letter.actor or "-", gives_way=True),
        Column("REASON", lambda row: row.letter.reason),
        Column("DIED", lambda row: moment(row.letter.died_at)),
        Column("AGE", lambda row: age(row.letter.died_at, now), right=True),
        Column("CLIENT", lambda row: row.letter.client_id or "-", gives_way=True),
        Column("ERROR", lambda row: _error(row.letter), gives_way=True),
    ]
    if tuple(wanted.resolutions) != (Resolution.OPEN,):
        columns.insert(3, Column("NOW", lambda row: row.letter.resolution if row.in_ledger else "-"))
    if not all(row.in_ledger for row in found.page.rows):
        columns.insert(1, Column("IN", lambda row: "ledger" if row.in_ledger else "redis"))
    if found.note:
        print(f"callboard: {found.note}", file=sys.stderr)
    return show_page(found.page, columns, as_objects=args.json, object_of=_object)


def show_groups(wanted: LetterFilter, args: argparse.Namespace) -> ExitCode:
    """Print the groups."""
    groups, now = group_letters(wanted, By(args.by), span_of(args)), database_now()
    columns: list[Column[LetterGroup]] = [
        Column(args.by.upper(), lambda group: group.value or "-", gives_way=True),
        Column("COUNT", lambda group: str(group.count), right=True),
        Column("FIRST", lambda group: age(group.first_seen, now), right=True),
        Column("LAST", lambda group: age(group.last_seen, now), right=True),
        Column("EXAMPLE", lambda group: str(group.example)),
        Column("ERROR", lambda group: group.error or "-", gives_way=True),
    ]
    return show_page(Page(groups, None), columns, as_objects=args.json)


def _name(row: Seen) -> str:
    return str(row.letter.id) if row.in_ledger else str(row.letter.redis_message_id)


def _object(row: Seen) -> object:
    told = plain(row.letter)
    return {**told, "id": told["id"] if row.in_ledger else None, "in_ledger": row.in_ledger}


def _error(letter: LetterRow) -> str:
    return ": ".join(part for part in (letter.error_class, letter.error_message) if part) or "-"
