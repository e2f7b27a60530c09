"""`callboard demo`: the whole road on real servers and real mail, in one command; ends with counts from rows."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from policy.errors import NotFound
from scripts.exits import ExitCode, one_line
from scripts.parsing import Subparsers

if TYPE_CHECKING:
    from models.servers_file import Found
    from policy.settings import Settings
    from scripts.demo_summary import Summary
    from scripts.demo_windows import WindowCounts
    from scripts.mailboxes import Mailbox
    from scripts.progress import Progress

#: Says one step of the demo: what, and how it went.
Say: TypeAlias = Callable[[str, str], None]

#: The project's own sample; it is part of a checkout, not of an installation.
SAMPLE = Path(__file__).resolve().parent.parent / "tests" / "data" / "mailbox"


@dataclass(frozen=True, slots=True)
class Played:
    """How it went: the counts, what could not be waited for, and a lead message whose story is worth a look."""

    counts: Summary
    windows: WindowCounts
    unfinished: list[str]
    example: UUID | None


def add_parser(commands: Subparsers) -> None:
    """Add `demo` to the commands."""
    parser = commands.add_parser(
        "demo",
        help="the whole road, end to end",
        description="Start servers (or use those that run), workers and a mail sink, ingest a mailbox twice on purpose,"
        " plant a job that fails twice and one that can never work, wait until all is done, count, stop everything."
        " Exit 1 if a message was lost.",
    )
    parser.add_argument(
        "--mailbox", type=Path, metavar="P", help="a folder of *.eml, a Maildir or an mbox (default: the sample)"
    )
    parser.add_argument("--json", action="store_true", help="end with one object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Play the whole piece; whatever was started is stopped, however it ends."""
    from policy.settings import read
    from scripts.mailboxes import read_mailbox
    from scripts.progress import Progress

    began_s = time.monotonic()
    settings, warnings = read(os.environ)
    for warning in warnings:
        print(f"callboard: {warning}", file=sys.stderr)
    progress = Progress()

    def say(what: str, text: str) -> None:
        if not args.json:
            progress.clear()
            print(f"{what:<8}  {text}", flush=True)

    try:
        mailbox = read_mailbox(args.mailbox or _sample(), progress)
        progress.clear()
        for skipped in mailbox.skipped:
            print(f"callboard: skipped {skipped.file}: {one_line(skipped.reason)}", file=sys.stderr)
        progress.show("starting servers", at_once=True)
        with _servers(settings) as (found, stay):
            say("servers", _servers_line(settings, stay))
            played = _play(settings, mailbox, progress, began_s, say)
            mails = None if settings.smtp_url else found.mail_dir
    finally:
        progress.clear()
    return _end(args.json, played, settings.dispatch_window_s, mails, servers_stay=stay)


@contextmanager
def _servers(settings: Settings) -> Iterator[tuple[Found, bool]]:
    """Servers at hand, and whether they go on running after the demo."""
    from models import servers_file
    from servers import embedded

    home = Path(settings.home)
    given = embedded.Given(settings.database_url, settings.redis_url, settings.smtp_url)
    stay = servers_file.load(home) is not None or bool(settings.database_url and settings.redis_url)
    with embedded.at_hand(home, given=given) as found:
        yield found, stay


def _play(settings: Settings, mailbox: Mailbox, progress: Progress, began_s: float, say: Say) -> Played:
    """Schema, workers and scheduler, mail in, and the wait for the last outcome."""
    from actors.broker import setup
    from models.database import close_connection
    from models.migrate import migrate
    from models.readings.paging import database_now
    from scripts.demo_mail import mail_in
    from scripts.demo_summary import summary
    from scripts.demo_watch import watch
    from scripts.demo_windows import await_first_tick, count_windows
    from scripts.demo_workers import crew

    home = Path(os.path.abspath(settings.home))
    setup()
    with _logs_into(home / "log" / "demo.log", settings):
        say("schema", f"{len(migrate())} migrations applied")
        began_at = database_now()
        progress.show("starting workers", at_once=True)
        with crew(home) as workers:
            say("workers", _workers_line(settings, home))
            cast = mail_in(mailbox)
            say("mailbox", f"{len(mailbox.mails)} mails ingested twice, {cast.dispatched} jobs dispatched, 2 planted")
            unfinished = watch(cast.lead_message_ids, cast.planted, workers, progress, settings)
            counts = summary(cast.lead_message_ids, cast.planted, cast.before, time.monotonic() - began_s)
            progress.show("stopping", at_once=True)
            await_first_tick(began_at, settings.dispatch_window_s)
            example = cast.example()
        # After the scheduler's end: the tick that it is at is finished then.
        windows = count_windows(began_at, settings.dispatch_window_s)
    close_connection()
    return Played(counts, windows, unfinished, example)


@contextmanager
def _logs_into(file: Path, settings: Settings) -> Iterator[None]:
    """This process's log lines go into a file: the terminal belongs to the demo."""
    from middleware import logs

    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        logs.configure(level=settings.log_level, format=settings.log_format, stream=stream)
        try:
            yield
        finally:
            logs.configure(level=settings.log_level, format=settings.log_format)


def _end(as_json: bool, played: Played, window_s: int, mails: Path | None, *, servers_stay: bool) -> ExitCode:
    """The counts, what could not be waited for, and what to try next."""
    from scripts.demo_summary import table
    from scripts.demo_windows import windows_line

    if played.unfinished:
        print(f"callboard: gave up waiting for {'; '.join(played.unfinished)}", file=sys.stderr)
    if as_json:
        print(json.dumps(asdict(played.counts) | {"windows": asdict(played.windows)}))
    else:
        windows = windows_line(played.windows, window_s)
        print("\n".join(["", *table(played.counts), "", f"  {windows}", "", *_next(played, mails, servers_stay)]))
    if played.counts.lost:
        print(f"callboard: {played.counts.lost} lost: received, and no outcome on record", file=sys.stderr)
    return ExitCode.ERROR if played.counts.lost or played.unfinished else ExitCode.DONE


def _next(played: Played, mails: Path | None, servers_stay: bool) -> Iterator[str]:
    if mails is not None:
        yield f"The mails lie in {_shown(mails)}. Try next:"
    else:
        yield "Try next:"
    command = _invoked_as()
    tries = [] if servers_stay else [("up", "the servers again, with these rows")]
    if played.example is not None:
        tries.append((f"explain {played.example}", "the story of one message"))
    tries += [("dlq list", "the planted job's dead letter"), ("runs list", "every attempt")]
    shown = [(f"{command} {words}", meaning) for words, meaning in tries[:3]]
    width = max(len(words) for words, _ in shown)
    for words, meaning in shown:
        yield f"  {words:<{width}}  {meaning}"


def _servers_line(settings: Settings, stay: bool) -> str:
    if settings.database_url and settings.redis_url:
        return "PostgreSQL and Redis by URL" + (", mail too" if settings.smtp_url else ", a mail sink of our own")
    whose = "those that `callboard up` left" if stay else "started"
    return f"PostgreSQL, Valkey and a mail sink under {settings.home}, {whose}"


def _workers_line(settings: Settings, home: Path) -> str:
    from scripts.demo_workers import PROCESSES

    metrics = f", metrics at http://localhost:{settings.metrics_port}/metrics" if settings.metrics_port else ""
    return f"{PROCESSES} processes and a scheduler, logs in {_shown(home / 'log')}{metrics}"


def _shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _invoked_as() -> str:
    """How this person calls us: `callboard` where the shell finds it, else with its folder."""
    from shutil import which

    mine = Path(sys.argv[0])
    if mine.name != "callboard" or which("callboard") == str(mine):
        return "callboard"
    return _shown(Path(os.path.abspath(mine)))


def _sample() -> Path:
    if not SAMPLE.is_dir():
        raise NotFound("no sample mailbox beside this installation: name one with --mailbox")
    return SAMPLE
