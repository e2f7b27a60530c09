"""The options of `callboard replay`, and what is said of those that do not go together."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from scripts.parsing import OneLineParser, Subparsers

if TYPE_CHECKING:
    from messaging.replay.baseline import Baseline

#: Bytes of a file of thread ids that are read: some 25,000 ids.
_FILE_BYTES = 1_000_000
#: Cases at once and in all, and further attempts of each, at most.
_CONCURRENCY_MAX, _LIMIT_MAX, _RETRIES_MAX = 32, 1_000, 10
#: Cases where nobody says how many, and names no threads.
_LIMIT = 20


def add_options(commands: Subparsers) -> OneLineParser:
    """The parser of `replay`."""
    parser: OneLineParser = commands.add_parser(
        "replay",
        help="past conversations through today's code, with nothing let out",
        description="Answer past lead messages again with the drafting pipeline in force, judge the drafts, and write"
        " down how each fared; or run recorded jobs again (--jobs). Nothing is sent, dispatched or stored.",
        epilog="Exit codes: 0 clean; 1 the preflight failed, a case failed or broke a critical invariant; 2 usage;"
        " 3 an unknown client, or nothing selected and no --allow-empty.",
    )
    _add_selection(parser)
    _add_run(parser)
    _add_judging(parser)
    parser.add_argument("--json", action="store_true", help="print the artifact instead of lines")
    return parser


def _add_selection(parser: argparse.ArgumentParser) -> None:
    from scripts.ingest import client_id
    from scripts.listing import moment_given

    parser.add_argument(
        "--client-id", "--client", dest="client_id", type=client_id, metavar="C", help="cases of this client"
    )
    parser.add_argument(
        "--thread-ids",
        type=_thread_ids,
        default=(),
        metavar="A,B",
        help="these threads: a lead's id, or that of one of its lead messages",
    )
    parser.add_argument(
        "--thread-ids-file", type=_thread_file, default=(), metavar="F", help="the same, one a line; # begins a comment"
    )
    parser.add_argument("--channel", choices=("email", "sms", "linkedin"), help="of this channel")
    parser.add_argument(
        "--from", dest="since", type=moment_given, metavar="TIME", help="30d, 2h or ISO 8601 (default: 30d)"
    )
    parser.add_argument("--to", dest="until", type=moment_given, metavar="TIME", help="before this (default: now)")
    parser.add_argument(
        "--limit",
        type=_number(1, _LIMIT_MAX),
        metavar="N",
        help=f"cases at most ({_LIMIT}; all of the threads that are named)",
    )
    parser.add_argument(
        "--jobs",
        metavar="FILTER",
        help="recorded jobs instead: actor=A,state=S,key=K,correlation=ID,queue=Q,since=T,until=T; a bare word is an"
        " actor; with --dry-run only",
    )
    parser.add_argument("--module", action="append", default=[], metavar="M", help="with --jobs: more actors")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--concurrency", type=_number(1, _CONCURRENCY_MAX), default=3, metavar="N", help="cases at once (3)"
    )
    parser.add_argument(
        "--retries", type=_number(0, _RETRIES_MAX), default=1, metavar="N", help="further attempts of a case (1)"
    )
    parser.add_argument("--dry-run", action="store_true", help="select only; with --jobs: what is always so")
    parser.add_argument("--allow-empty", action="store_true", help="nothing selected is no failure")
    parser.add_argument("--no-slots", action="store_true", help="offer no times to leads who ask for a meeting")
    parser.add_argument("--keep-drafts", action="store_true", help="keep the drafts in replay_draft")
    parser.add_argument("--out", type=Path, metavar="PATH", help="a folder, or a file ending in .json")
    parser.add_argument(
        "--own-servers",
        action="store_true",
        help="where no servers are given or running: embedded ones for the run, with the sample data",
    )


def _add_judging(parser: argparse.ArgumentParser) -> None:
    from messaging.replay.evaluation import BAND, THRESHOLDS

    parser.add_argument("--judge-profile", choices=tuple(THRESHOLDS), default="balanced", help="72, 62 or 52 points")
    parser.add_argument(
        "--judge-threshold", type=_number(0, 100), metavar="N", help="points that a draft must reach, instead"
    )
    parser.add_argument(
        "--adjudication-band",
        type=_band,
        default=BAND,
        metavar="LOW,HIGH",
        help="scores of the judge that a second pass decides (40,80)",
    )
    parser.add_argument(
        "--baseline", type=_baseline, metavar="FILE", help="an earlier artifact: what is better, and what worse"
    )


def check_together(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Leave with USAGE where options contradict one another; decide the limit where none is given."""
    named = {*args.thread_ids, *args.thread_ids_file}
    if len(named) > _LIMIT_MAX:
        parser.error(f"{len(named)} threads are named: {_LIMIT_MAX} at most")
    if args.limit is None and not named:
        args.limit = _LIMIT
    if args.since and args.until and args.since >= args.until:
        parser.error(f"--from {args.since:%Y-%m-%dT%H:%M:%SZ} is not before --to {args.until:%Y-%m-%dT%H:%M:%SZ}")
    if args.jobs is not None:
        _check_jobs(parser, args, named)
    elif args.client_id is None and not named:
        parser.error("one of --client-id, --thread-ids, --thread-ids-file or --jobs says what is to be replayed")
    elif args.module:
        parser.error("--module goes with --jobs")


def _check_jobs(parser: argparse.ArgumentParser, args: argparse.Namespace, named: set[UUID]) -> None:
    if not args.dry_run:
        parser.error("--jobs needs --dry-run: a job is replayed without its effects, or not at all")
    if named or args.channel or args.baseline or args.keep_drafts:
        parser.error("--jobs goes with none of --thread-ids, --thread-ids-file, --channel, --baseline, --keep-drafts")
    from scripts.replay_jobs import FilterUnreadable, read_filter

    try:
        args.wanted_jobs = read_filter(
            args.jobs, client_id=args.client_id, since=args.since, until=args.until, limit=args.limit
        )
    except FilterUnreadable as error:
        parser.error(f"argument --jobs: {error}")


def _thread_ids(text: str) -> tuple[UUID, ...]:
    ids = tuple(_thread_id(word.strip()) for word in text.split(",") if word.strip())
    if not ids:
        raise argparse.ArgumentTypeError("no thread id is named")
    return ids


def _thread_file(text: str) -> tuple[UUID, ...]:
    try:
        with Path(text).open(encoding="utf-8") as file:
            lines = file.read(_FILE_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else "not a text in UTF-8"
        raise argparse.ArgumentTypeError(f"{text}: {said}") from error
    if len(lines) > _FILE_BYTES:
        raise argparse.ArgumentTypeError(f"{text}: longer than {_FILE_BYTES} characters")
    ids = []
    for number, line in enumerate(lines.splitlines(), 1):
        word = line.partition("#")[0].strip().lstrip("\ufeff")
        if word:
            ids.append(_thread_id(word, f"{text}, line {number}: "))
    if not ids:
        raise argparse.ArgumentTypeError(f"{text}: no thread id in it")
    return tuple(ids)


def _thread_id(word: str, where: str = "") -> UUID:
    try:
        return UUID(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{where}{word[:60]!r} is no thread id (a UUID)") from error


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")
        return int(text)

    return number


def _band(text: str) -> tuple[int, int]:
    words = [word.strip() for word in text.split(",")]
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"{text!r} is no band: two numbers from 0 to 100, such as 40,80")
    low, high = int(words[0]), int(words[1])
    if not 0 <= low <= high <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no band: the lower number first, both from 0 to 100")
    return low, high


def _baseline(text: str) -> Baseline:
    from messaging.replay.baseline import BaselineUnreadable, read_baseline

    try:
        return read_baseline(Path(text))
    except BaselineUnreadable as error:
        raise argparse.ArgumentTypeError(str(error)) from error
