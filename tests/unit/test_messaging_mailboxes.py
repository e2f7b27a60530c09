"""Walking a mailbox: folder, Maildir, mbox, and what is none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from messaging import mailboxes
from messaging.mailboxes import MailboxUnreadable, iterate_mailbox

MAIL = b"From: ann@example.org\n\nHello\n"
MBOX_LINE = b"From ann@example.org Mon Mar  2 10:00:00 2026\n"


def write(file: Path, content: bytes = MAIL) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_folder_yields_its_eml_files_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b.eml", "a.eml", "notes.txt", "c.EML", "d.eml.bak"):
        write(tmp_path / name, name.encode())
    (tmp_path / "folder.eml").mkdir()

    assert list(iterate_mailbox(tmp_path)) == [("a.eml", b"a.eml"), ("b.eml", b"b.eml")]


def test_maildir_yields_both_folders_in_order_of_delivery(tmp_path: Path) -> None:
    write(tmp_path / "cur" / "1700000001.a:2,S", b"1")
    write(tmp_path / "new" / "1700000000.b", b"0")
    write(tmp_path / "tmp" / "1600000000.c", b"unfinished")

    assert list(iterate_mailbox(tmp_path)) == [("new/1700000000.b", b"0"), ("cur/1700000001.a:2,S", b"1")]


def test_empty_maildir_is_an_empty_mailbox(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()

    assert list(iterate_mailbox(tmp_path)) == []


def test_mbox_yields_its_mails_in_file_order(tmp_path: Path) -> None:
    file = write(tmp_path / "box", MBOX_LINE + MAIL + b"\n" + MBOX_LINE + b"From: bob@example.org\n\nBye\n\n")

    assert list(iterate_mailbox(file)) == [("box#1", MAIL), ("box#2", b"From: bob@example.org\n\nBye\n")]


def test_from_lines_within_a_body_do_not_end_a_mail(tmp_path: Path) -> None:
    body = b"From: ann@example.org\n\n>From here on,\n\nFrom Monday we play.\n"
    file = write(tmp_path / "box", MBOX_LINE + body)

    assert list(iterate_mailbox(file)) == [("box#1", body.replace(b">From", b"From"))]


def test_mbox_with_crlf_line_ends_is_cut_as_well(tmp_path: Path) -> None:
    crlf = (MBOX_LINE + MAIL + b"\n" + MBOX_LINE + MAIL).replace(b"\n", b"\r\n")
    file = write(tmp_path / "box", crlf)

    assert [raw for _, raw in iterate_mailbox(file)] == [MAIL.replace(b"\n", b"\r\n")] * 2


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        pytest.param(lambda path: path / "missing", "no such file", id="missing"),
        pytest.param(lambda path: path, "the folder is empty", id="empty folder"),
        pytest.param(lambda path: write(path / "notes.txt").parent, r"no \*\.eml", id="folder of other files"),
        pytest.param(lambda path: write(path / "one.eml"), "not an mbox", id="a single mail"),
        pytest.param(lambda path: write(path / "empty", b""), "the file is empty", id="empty file"),
    ],
)
def test_path_that_is_no_mailbox_is_refused_before_the_first_mail(
    tmp_path: Path, prepare: Callable[[Path], Path], reason: str
) -> None:
    path = prepare(tmp_path)

    with pytest.raises(MailboxUnreadable, match=reason):
        iterate_mailbox(path)


def test_mails_are_read_one_at_a_time(tmp_path: Path) -> None:
    for name in ("a.eml", "b.eml"):
        write(tmp_path / name)
    mails: Iterator[tuple[str, bytes]] = iterate_mailbox(tmp_path)

    next(mails)
    write(tmp_path / "b.eml", b"changed")

    assert next(mails) == ("b.eml", b"changed")


def test_no_more_of_a_huge_mail_is_held_than_shows_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAIL_BYTES", 100)
    write(tmp_path / "huge.eml", b"x" * 10_000)
    huge_box = write(tmp_path / "box", MBOX_LINE + b"line\n" * 10_000)

    sizes = [len(raw) for _, raw in [*iterate_mailbox(tmp_path), *iterate_mailbox(huge_box)]]

    assert all(100 < size < 200 for size in sizes)
