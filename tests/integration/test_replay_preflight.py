"""What is wrong before the first case: an artifact that says so in one line, exit 1, and no case is charged."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging.replay.preflight import preflight
from models import database as db
from models.database import query
from policy.settings import Settings
from scripts.exits import ExitCode
from scripts.main import main
from tests.unit.scripted_model import Script, listing, model_api

Replay = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Replay:
    """Exit code, artifact and standard error of a live replay of the sample."""

    def run(*words: str) -> tuple[int, dict[str, Any], str]:
        capsys.readouterr()
        code = main(["replay", "--client-id", "sample", "--out", str(tmp_path / "told.json"), *words])
        return code, json.loads((tmp_path / "told.json").read_text(encoding="utf-8")), capsys.readouterr().err

    return run


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """The warnings of a preflight."""
    lines: list[dict[str, object]] = []
    monkeypatch.setattr(
        "messaging.replay.preflight.event", lambda name, level, **fields: lines.append({"event": name, **fields})
    )
    return lines


def blamed_on_infrastructure(code: int, told: dict[str, Any], said: str) -> bool:
    """The artifact counts one infra_error and nothing else, and one line says why."""
    failures, summary = told["summary"]["failureTypeCounts"], told["summary"]
    others = [count for name, count in failures.items() if name != "infra_error"]
    zeroes = [summary[name] for name in ("cases", "evaluated", "failed", "skipped", "selectedOnly", "criticalMisses")]
    zeroes += [*others, *summary["criticalInvariantCounts"].values()]
    assert said.splitlines() == [f"callboard: {summary['diagnosis']}"]
    return code == ExitCode.ERROR and failures["infra_error"] == 1 and not any(zeroes) and told["cases"] == []


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that knows no database yet, and a home without servers."""
    db.close_connection()
    monkeypatch.setattr(db.database, "deferred", True)
    monkeypatch.delenv("CALLBOARD_DATABASE_URL", raising=False)
    monkeypatch.setenv("CALLBOARD_HOME", str(tmp_path / "empty"))


@pytest.mark.parametrize("words", [[], ["--dry-run"]], ids=["live", "dry"])
def test_a_database_that_does_not_answer(
    ledger_database: str, replay: Replay, monkeypatch: pytest.MonkeyPatch, nowhere: None, words: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("CALLBOARD_DATABASE_URL", f"postgresql://callboard@127.0.0.1:{port}/callboard")

    code, told, said = replay(*words)

    assert blamed_on_infrastructure(code, told, said)
    assert "cannot use PostgreSQL" in said


def test_no_servers_at_all(ledger_database: str, replay: Replay, nowhere: None) -> None:
    code, told, said = replay()

    assert blamed_on_infrastructure(code, told, said)
    assert "callboard up" in said


def test_a_schema_that_is_behind(ledger_database: str, replay: Replay) -> None:
    row = query("DELETE FROM schema_migration WHERE version = 9 RETURNING version, name, digest")[0]
    try:
        code, told, said = replay()
    finally:
        query("INSERT INTO schema_migration (version, name, digest) VALUES (%s, %s, %s)", row)

    assert blamed_on_infrastructure(code, told, said)
    assert "0009 replay_drafts" in said
    assert "callboard migrate" in said


def test_a_model_that_is_not_there(ledger_database: str, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("CALLBOARD_LLM_BASE_URL", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("CALLBOARD_LLM_MODEL", "m-1")

    code, told, said = replay()

    assert blamed_on_infrastructure(code, told, said)
    assert "CALLBOARD_LLM_BASE_URL" in said


@pytest.mark.parametrize("url", ["http://..../v1", "http://[v1.x]/", "http://-ü-.example/v1"])
def test_a_base_url_whose_host_no_name_can_be(
    ledger_database: str, replay: Replay, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CALLBOARD_LLM_BASE_URL", url)
    monkeypatch.setenv("CALLBOARD_LLM_MODEL", "m-1")

    code, told, said = replay()

    assert blamed_on_infrastructure(code, told, said)
    assert "CALLBOARD_LLM_BASE_URL" in said


@pytest.mark.parametrize(("key", "word"), [("s3cret", "refuses"), ("", "wants a key")])
def test_a_model_that_does_not_take_the_key(
    ledger_database: str, replay: Replay, monkeypatch: pytest.MonkeyPatch, key: str, word: str
) -> None:
    with model_api(Script(listing_status=401)) as url:
        monkeypatch.setenv("CALLBOARD_LLM_BASE_URL", url)
        monkeypatch.setenv("CALLBOARD_LLM_MODEL", "m-1")
        monkeypatch.setenv("CALLBOARD_LLM_API_KEY", key)
        code, told, said = replay()

    assert blamed_on_infrastructure(code, told, said)
    assert word in said
    assert "s3cret" not in said
    assert "s3cret" not in json.dumps(told)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        pytest.param(("BASE_URL",), "MODEL", id="no model"),
        pytest.param(("BASE_URL", "API_KEY"), "MODEL", id="no model, a key"),
        pytest.param(("MODEL",), "BASE_URL", id="no base URL"),
        pytest.param(("API_KEY",), "BASE_URL and CALLBOARD_LLM_MODEL", id="a key alone"),
    ],
)
def test_a_model_that_is_configured_by_half(
    ledger_database: str, replay: Replay, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], missing: str
) -> None:
    for name in given:
        monkeypatch.setenv(f"CALLBOARD_LLM_{name}", {"BASE_URL": "http://127.0.0.1:1/v1"}.get(name, "s3cret"))

    code, told, said = replay()

    assert blamed_on_infrastructure(code, told, said)
    assert f" without CALLBOARD_LLM_{missing}: " in said
    assert "s3cret" not in said


def test_a_model_that_its_api_does_not_list_is_warned_of(ledger_database: str, told: list[dict[str, object]]) -> None:
    with model_api(Script(listing_status=200, listing=listing("m-2", "m-3", "n"))) as url:
        assert preflight(Settings(ledger_database, llm_base_url=url, llm_model="m-1"), model=True) is None

    assert told == [{"event": "model_unlisted", "model": "m-1", "nearest": ["m-2", "m-3", "n"], "listed": 3}]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Script(listing_status=200, listing=listing("m-0", "m-1")), id="listed"),
        pytest.param(Script(listing_status=200, listing=listing("m-1:latest")), id="listed with its default tag"),
        pytest.param(Script(listing_status=200, listing=listing("m-0", has_more=True)), id="one page of the list"),
        pytest.param(Script(listing_status=200, listing=b"hello"), id="no list"),
        pytest.param(Script(listing_status=404), id="unknown"),
        pytest.param(Script(listing_status=500), id="broken"),
    ],
)
def test_a_model_that_is_listed_or_whose_api_has_no_list(
    ledger_database: str, told: list[dict[str, object]], script: Script
) -> None:
    with model_api(script) as url:
        settings = Settings(ledger_database, llm_base_url=url, llm_model="m-1")

        assert preflight(settings, model=True) is None

    assert told == []


def test_a_key_that_no_header_can_hold(ledger_database: str, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    with model_api(Script()) as url:
        monkeypatch.setenv("CALLBOARD_LLM_BASE_URL", url)
        monkeypatch.setenv("CALLBOARD_LLM_MODEL", "m-1")
        monkeypatch.setenv("CALLBOARD_LLM_API_KEY", "schl\u00fcssel")
        code, told, said = replay()

    assert blamed_on_infrastructure(code, told, said)
    assert "CALLBOARD_LLM_API_KEY" in said
    assert "schl" not in said


def test_a_dry_run_asks_no_model(ledger_database: str, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["sample", "--threads", "5"])
    monkeypatch.setenv("CALLBOARD_LLM_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("CALLBOARD_LLM_MODEL", "m-1")

    code, told, _ = replay("--dry-run")

    assert code == ExitCode.DONE
    assert told["summary"]["selectedOnly"] == len(told["cases"]) > 0
