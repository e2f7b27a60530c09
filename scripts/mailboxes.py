"""Reads a mailbox for a command: every mail parsed, the malformed ones named, progress on a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from messaging.inbox import InboundMail, iterate_mailbox, parse_mail
from policy.errors import MailUnreadable
from scripts.progress import Progress


@dataclass(frozen=True, slots=True)
class Skipped:
    """A mail that cannot be read, and why."""

    file: str
    reason: str


@dataclass(slots=True)
class Mailbox:
    """The mails of a mailbox in its order, and those that are none."""

    mails: list[InboundMail] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def read_mailbox(path: Path, progress: Progress) -> Mailbox:
    """Parse every mail of `path`. Raises MailboxUnreadable when it is no mailbox."""
    found = Mailbox()
    now = datetime.now(timezone.utc)
    for name, raw in iterate_mailbox(path):
        try:
            found.mails.append(parse_mail(raw, now=now))
        except MailUnreadable as error:
            found.skipped.append(Skipped(name, str(error)))
        progress.show(f"reading {path}: {len(found.mails) + len(found.skipped)} mails")
    return found
