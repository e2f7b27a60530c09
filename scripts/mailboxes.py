"""Reads what a command is given to take in: every mail or message parsed, the malformed ones named, with progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from messaging.inbound_texts import iterate_lines, parse_line
from messaging.inbox import MailboxUnreadable, iterate_mailbox, parse_mail
from messaging.mail_store import Inbound
from policy.errors import LineUnreadable, MailUnreadable
from scripts.progress import Progress


@dataclass(frozen=True, slots=True)
class Skipped:
    """A mail or line that cannot be read, and why; a line by its file and number."""

    file: str
    reason: str


@dataclass(slots=True)
class Mailbox:
    """The mails of a mailbox, or the messages of a file of lines, in its order, and those that are none."""

    mails: list[Inbound] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def read_mailbox(path: Path, progress: Progress) -> Mailbox:
    """Parse every mail of `path`, or every line of a `*.jsonl` file. Raises MailboxUnreadable when it is neither."""
    if path.suffix == ".jsonl" and not path.is_dir():
        return _read_lines(path, progress)
    found = Mailbox()
    now = datetime.now(timezone.utc)
    for name, raw in iterate_mailbox(path):
        try:
            found.mails.append(parse_mail(raw, now=now))
        except MailUnreadable as error:
            found.skipped.append(Skipped(name, str(error)))
        progress.show(f"reading {path}: {len(found.mails) + len(found.skipped)} mails")
    return found


def _read_lines(path: Path, progress: Progress) -> Mailbox:
    found = Mailbox()
    try:
        for number, line in iterate_lines(path):
            try:
                found.mails.append(parse_line(line))
            except LineUnreadable as error:
                found.skipped.append(Skipped(f"{path.name}:{number}", str(error)))
            progress.show(f"reading {path}: {len(found.mails) + len(found.skipped)} lines")
    except OSError as error:
        raise MailboxUnreadable(f"{path}: {error.strerror or error}") from error
    return found
