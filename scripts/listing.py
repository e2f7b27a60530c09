"""What all listing commands share: their options, and how a page of rows is shown."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import TypeVar
from uuid import UUID

from models.readings.paging import Cursor, Page, Span
from scripts.exits import ExitCode
from scripts.screens import Column, as_json, screen_width, table

RowT = TypeVar("RowT")
WordT = TypeVar("WordT", bound=Enum)

#: Rows that are shown when nobody says how many, and at most.
_LIMIT = 20
_MOST = 10_000
_SPAN = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>s|m|h|d)")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
#: PostgreSQL's largest bigint.
_LARGEST = 2**63 - 1
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_page_options(parser: argparse.ArgumentParser, row_id: Callable[[str], object] | None = None) -> None:
    """`--json`, `--limit`, `--after`, `--since`, `--until`.

    `row_id` reads the id of one of the list's rows (a UUID unless told) and raises ValueError for what can be none:
    a cursor of another list is a mistake of usage, not one of PostgreSQL's.
    """
    parser.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    parser.add_argument("--limit", type=_limit, default=_LIMIT, metavar="N", help=f"rows at most (default {_LIMIT})")
    parser.add_argument(
        "--after", type=_cursor_of(row_id or row_uuid), metavar="CURSOR", help="go on where a page ended, as it said"
    )
    parser.add_argument(
        "--since", type=moment_given, metavar="TIME", help="not older than this: 15m, 2h, 3d or ISO 8601"
    )
    parser.add_argument("--until", type=moment_given, metavar="TIME", help="older than this")


def add_client_option(parser: argparse.ArgumentParser) -> None:
    """`--client-id`, with its alias `--client`."""
    parser.add_argument("--client-id", "--client", dest="client_id", metavar="CLIENT", help="of this client")


def add_key_option(parser: argparse.ArgumentParser, text: str) -> None:
    """`--key`, with its alias `--dispatch-key`; `text` is its help."""
    parser.add_argument("--key", "--dispatch-key", dest="key", metavar="KEY", help=text)


def add_correlation_option(parser: argparse.ArgumentParser) -> None:
    """`--correlation`, with its alias `--correlation-id`."""
    parser.add_argument(
        "--correlation", "--correlation-id", dest="correlation", metavar="ID", help="of this causal family"
    )


def add_words_option(
    parser: argparse.ArgumentParser, option: str, words: type[WordT], noun: str, *, alias: str | None = None
) -> None:
    """An option that takes one or more of a closed set of words, in any case, and may be repeated."""

    def word(text: str) -> WordT:
        for member in words:
            if str(member.value).lower() == text.lower():
                return member
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(str(one.value) for one in words)}")

    parser.add_argument(
        *([option] if alias is None else [option, alias]),
        dest=noun,
        type=word,
        action="append",
        default=[],
        metavar=option.strip("-").upper(),
        help=f"{', '.join(str(one.value) for one in words)}; may be repeated",
    )


def span_of(args: argparse.Namespace) -> Span:
    """The span that the options ask for."""
    return Span(args.limit, args.since, args.until, args.after)


def show_page(
    page: Page[RowT],
    columns: Sequence[Column[RowT]],
    *,
    as_objects: bool,
    object_of: Callable[[RowT], object] = lambda row: row,
) -> ExitCode:
    """Print a page; where more follows, standard error says how to see it. NOTHING_MATCHED for an empty one."""
    if as_objects:
        print(as_json([object_of(row) for row in page.rows]))
    elif page.rows:
        print("\n".join(table(columns, page.rows, screen_width())))
    if page.next is not None:
        print(f"callboard: more with --after {page.next}", file=sys.stderr)
    if page.rows:
        return ExitCode.DONE
    print("callboard: nothing matched", file=sys.stderr)
    return ExitCode.NOTHING_MATCHED


def moment_given(text: str) -> datetime:
    """`15m`, `2h`, `3d` before now, or a moment in ISO 8601; without a zone it is UTC."""
    return _moment(text, forward=False)


def moment_ahead(text: str) -> datetime:
    """`15m`, `2h`, `3d` from now on, or a moment in ISO 8601; without a zone it is UTC."""
    return _moment(text, forward=True)


def row_uuid(text: str) -> UUID:
    """The id of a row that has a UUID. Raises ValueError for any other text."""
    found = UUID(text)
    if str(found) != text:  # braces and the like, which Python reads
        raise ValueError(f"not as ids are written: {text!r}")
    return found


def row_number(text: str) -> int:
    """The id of a row that is counted. Raises ValueError for any other text."""
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST:
        raise ValueError(f"no row's number: {text!r}")
    return int(text)


def _moment(text: str, *, forward: bool) -> datetime:
    span = _SPAN.fullmatch(text)
    try:
        if span:
            length = timedelta(seconds=int(span["count"]) * _UNIT_S[span["unit"]])
            return datetime.now(timezone.utc) + (length if forward else -length)
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError) as error:
        spans = "15m, 2h, 3d from now" if forward else "15m, 2h, 3d"
        raise argparse.ArgumentTypeError(f"{text!r} is no time: {spans} or 2026-02-17T21:52:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _cursor_of(row_id: Callable[[str], object]) -> Callable[[str], Cursor]:
    def cursor(text: str) -> Cursor:
        try:
            found = Cursor.parse(text)
            row_id(found.id)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no cursor that a page of this list ended with") from error
        return found

    return cursor


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {_MOST}")
    return int(text)
