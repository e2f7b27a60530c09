"""Walks a mailbox on disk, one mail at a time. Knows folders, Maildir and mbox; a mail is bytes to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from policy.errors import CallboardError

#: The largest mail read, in bytes; big providers accept 25 to 50 MB. One byte more is handed on, so that reading
#: it can be refused by name without the rest being held in memory.
MAIL_BYTES = 50 * 1024 * 1024

#: The line before each mail of an mbox, as mail programs write it: `From sender Mon Mar  2 10:00:00 2026`.
_MBOX_FROM = re.compile(rb"From \S+ .*\d{1,2}:\d{2}.*\d{4}")
_ESCAPED_FROM = re.compile(rb">+From ")


class MailboxUnreadable(CallboardError):
    """The path is no mailbox: neither a folder of .eml files, nor a Maildir, nor an mbox file.

    Acts: the caller, by naming another path.
    """


class MailboxEmpty(MailboxUnreadable):
    """The path is a folder or file with nothing in it.

    Acts: the caller, if mail should be there.
    """


def iterate_mailbox(path: str | Path) -> Iterator[tuple[str, bytes]]:
    """(name within the mailbox, raw bytes) of each mail, sorted by name; an mbox's in file order, numbered.

    Holds one mail in memory. Raises MailboxUnreadable at once, before the first mail is asked for; MailboxEmpty where
    there is nothing to tell what kind of mailbox it might be.
    """
    root = Path(path)
    if not root.exists():
        raise MailboxUnreadable(f"{root}: there is no such file or folder")
    if not root.is_dir():
        return _mbox_mails(root)
    if not any(root.iterdir()):
        raise MailboxEmpty(f"{root}: the folder is empty")
    files = _maildir_files(root) or sorted(each for each in root.glob("*.eml") if each.is_file())
    if not files and not _is_maildir(root):
        raise MailboxUnreadable(f"{root}: no *.eml file in it, and it is no Maildir (cur, new)")
    return _file_mails(root, files)


def _is_maildir(root: Path) -> bool:
    return (root / "cur").is_dir() or (root / "new").is_dir()


def _maildir_files(root: Path) -> list[Path]:
    """Mails of both folders in order of their names, which begin with the time of delivery."""
    files = (each for folder in ("cur", "new") for each in (root / folder).glob("*") if each.is_file())
    return sorted((each for each in files if not each.name.startswith(".")), key=lambda each: each.name)


def _file_mails(root: Path, files: list[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        with file.open("rb") as stream:
            yield file.relative_to(root).as_posix(), stream.read(MAIL_BYTES + 1)


def _mbox_mails(file: Path) -> Iterator[tuple[str, bytes]]:
    if file.is_file() and not file.stat().st_size:
        raise MailboxEmpty(f"{file}: the file is empty")
    with file.open("rb") as stream:
        if not _MBOX_FROM.match(stream.readline(1000)):
            raise MailboxUnreadable(f"{file}: not an mbox: its first line does not begin with 'From ' and a date")
    return _mbox_split(file)


def _mbox_split(file: Path) -> Iterator[tuple[str, bytes]]:
    """Cut at `From ` lines that follow a blank line; `>From ` in bodies loses its escape."""
    number, mail, after_blank = 0, bytearray(), False
    with file.open("rb") as stream:
        stream.readline()
        for line in stream:
            if after_blank and _MBOX_FROM.match(line):
                number += 1
                yield f"{file.name}#{number}", _unpadded(mail)
                mail = bytearray()
            elif len(mail) <= MAIL_BYTES:
                mail += line[1:] if _ESCAPED_FROM.match(line) else line
            after_blank = not line.strip()
    yield f"{file.name}#{number + 1}", _unpadded(mail)


def _unpadded(mail: bytearray) -> bytes:
    """Without the blank line that an mbox puts after each mail."""
    for ending in (b"\r\n\r\n", b"\n\n"):
        if mail.endswith(ending):
            return bytes(mail[: -len(ending) // 2])
    return bytes(mail)
