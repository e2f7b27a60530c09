"""`callboard sample`: rows once, nothing dispatched, no client that is at work touched."""

from __future__ import annotations

import json

import pytest

from messaging.store import make_client
from models.database import query
from scripts.exits import ExitCode
from scripts.main import main

_ROWS = "SELECT (SELECT count(*) FROM lead), (SELECT count(*) FROM lead_message), (SELECT count(*) FROM campaign)"
_SENT = "SELECT (SELECT count(*) FROM background_job), (SELECT count(*) FROM draft), (SELECT count(*) FROM side_effect)"


def test_a_sample_is_stored_and_nothing_is_dispatched(ledger_database: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["sample", "--json", "--threads", "60"])

    told = json.loads(capsys.readouterr().out)
    assert code == ExitCode.DONE
    assert (told["threads"], told["known"]) == (60, 0)
    assert query(_ROWS) == [(60, told["messages"], 2)]
    assert query(_SENT) == [(0, 0, 0)]
    assert query("SELECT count(*) FROM lead_message WHERE processed_at IS NULL AND direction = 'inbound'") == [
        (told["open"],)
    ]


def test_repeating_it_adds_nothing_and_another_seed_adds_threads(ledger_database: str) -> None:
    once = ["sample", "--threads", "30", "--today", "2026-03-04"]
    main(once)
    before = query("SELECT id, body, sent_at FROM lead_message ORDER BY id")

    main(once)
    same = query("SELECT id, body, sent_at FROM lead_message ORDER BY id")
    main([*once, "--seed", "1"])

    assert same == before
    assert query("SELECT count(*) FROM lead") == [(60,)]


def test_a_dry_run_counts_and_writes_nothing(ledger_database: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["sample", "--dry-run", "--json", "--threads", "10"])

    assert code == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["threads"] == 10
    assert query("SELECT count(*) FROM client") == [(0,)]


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_client_at_work_is_refused(ledger_database: str, capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    make_client("acme", name="Acme", sender_address="replies@acme.example")

    code = main(["sample", "--client-id", "acme", *more])

    assert code == ExitCode.REFUSED
    assert "acme" in capsys.readouterr().err
    assert query(_ROWS) == [(0, 0, 0)]


@pytest.mark.parametrize(
    "options",
    [["--seed", "-1"], ["--threads", "0"], ["--threads", "x"], ["--today", "soon"], ["--today", "9999-01-01"]],
    ids=" ".join,
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    code = main(["sample", *options])

    assert code == ExitCode.USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1
