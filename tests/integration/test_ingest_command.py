"""`callboard ingest`: exit codes, what it says, and that a bad file harms no good one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis

from actors.broker import setup
from models.database import query
from scripts.main import main

GOOD = "From: Lea <lea@prospect.example>\r\nMessage-ID: <{number}@prospect.example>\r\n\r\nHello.\r\n"


@pytest.fixture
def mailbox(tmp_path: Path, ledger_database: str, redis_client: redis.Redis) -> Path:
    """A folder with two mails."""
    former = dramatiq.broker.global_broker
    setup()
    dramatiq.broker.global_broker = former
    folder = tmp_path / "mailbox"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number}.eml").write_text(GOOD.format(number=number), encoding="ascii")
    return folder


def ingest(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    """The exit code and the object of `callboard ingest … --json`."""
    code = main(["ingest", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_mailbox_goes_in_once(mailbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [ingest(capsys, mailbox) for _ in range(2)]

    first = {"received": 2, "new": 2, "known": 0, "skipped": [], "dispatched": 2}
    again = {"received": 2, "new": 0, "known": 2, "skipped": [], "dispatched": 0}
    assert answers == [(0, first), (0, again)]
    assert query("SELECT count(*) FROM background_job") == [(2,)]


def test_a_malformed_file_is_named_and_skipped(mailbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mailbox / "0-bad.eml").write_bytes(b"\x00\x01 no mail at all")

    code, told = ingest(capsys, mailbox)

    assert code == 5
    assert [one["file"] for one in told["skipped"]] == ["0-bad.eml"]
    assert (told["new"], told["dispatched"]) == (2, 2)


def test_a_person_reads_one_line_and_what_was_skipped(mailbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mailbox / "0-bad.eml").write_bytes(b"")

    code = main(["ingest", str(mailbox)])

    said = capsys.readouterr()
    assert code == 5
    assert said.out == "received 2  new 2  known 0  skipped 1  dispatched 2\n"
    assert "callboard: skipped 0-bad.eml: empty file\n" in said.err


@pytest.mark.parametrize("name", ["folder", "Maildir", "box", "lines.jsonl"])
def test_nothing_to_take_in_is_exit_3(
    mailbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / name
    if "." in name or name == "box":
        path.write_bytes(b"")
    else:
        (path / "new" if name == "Maildir" else path).mkdir(parents=True)

    code = main(["ingest", str(path)])
    said = capsys.readouterr()
    as_object = ingest(capsys, path)

    assert (code, said.out) == (3, "")
    assert said.err == f"callboard: nothing matched: there is no message in {path}\n"
    assert as_object == (3, {"received": 0, "new": 0, "known": 0, "skipped": [], "dispatched": 0})
    assert query("SELECT count(*) FROM client") == [(0,)]


def test_a_dry_run_stores_nothing(mailbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = ingest(capsys, mailbox, "--dry-run")

    assert (code, told["received"], told["new"]) == (0, 2, 0)
    assert query("SELECT count(*) FROM client") == [(0,)]


def test_each_client_has_mail_of_its_own(mailbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [ingest(capsys, mailbox, "--client", client)[1]["new"] for client in ("acme", "best_ltd")]

    assert answers == [2, 2]
    assert query("SELECT id, sender_address FROM client ORDER BY id") == [
        ("acme", "replies@acme.example"),
        ("best_ltd", "replies@best-ltd.example"),
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["/nowhere/at/all"], 1, "there is no such file or folder"),
        ([".", "--client-id", "Not A Client"], 2, "a client's id is of"),
        ([".", "--sender", "nobody"], 2, "not an address"),
    ],
    ids=["no mailbox", "no client id", "no address"],
)
def test_what_cannot_be_is_one_line(
    mailbox: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    answer = main(["ingest", *words])

    lines = capsys.readouterr().err.splitlines()
    assert answer == code
    assert len(lines) == 1
    assert said in lines[0]
