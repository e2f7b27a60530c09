"""`callboard config`: what it shows, what it hides, what it warns of."""

from __future__ import annotations

import json
import os

import pytest

from scripts.exits import ExitCode
from scripts.main import main


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CALLBOARD_")]:
        monkeypatch.delenv(name)


def test_config_prints_values_by_name_with_secrets_masked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBOARD_LEASE_SECONDS", "45")
    monkeypatch.setenv("CALLBOARD_CRON_SECRET", "curtain")
    monkeypatch.setenv("CALLBOARD_DATABASE_URL", "postgresql://stage:door@db/callboard")

    ended = main(["config", "--json"])

    out = capsys.readouterr().out
    printed = json.loads(out)
    assert ended == ExitCode.DONE
    assert printed["CALLBOARD_LEASE_SECONDS"] == 45
    assert printed["CALLBOARD_INLINE_EMERGENCY"] is False
    assert printed["CALLBOARD_REDIS_URL"] is None
    assert "curtain" not in out
    assert "door" not in out


def test_config_says_where_each_value_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBOARD_METRICS_PORT", "9200")

    main(["config"])

    rows = {row[0]: row[1:] for row in map(str.split, capsys.readouterr().out.splitlines())}
    assert rows["CALLBOARD_METRICS_PORT"] == ["9200", "port", "environment"]
    assert rows["CALLBOARD_HEARTBEAT_SECONDS"] == ["5", "s", "default"]
    assert rows["CALLBOARD_LLM_MODEL"] == ["-", "default"]


def test_config_warns_of_a_clamped_value_and_of_a_misspelt_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBOARD_DISPATCH_WINDOW_SECONDS", "1")
    monkeypatch.setenv("CALLBOARD_LEASE_SECOND", "45")
    monkeypatch.setenv("CALLBOARD_TEST_MAILBOX", "inbox")

    ended = main(["config"])

    said = capsys.readouterr().err.splitlines()
    assert ended == ExitCode.DONE
    assert len(said) == 2
    assert said[0].startswith("callboard: CALLBOARD_DISPATCH_WINDOW_SECONDS=1 is out of range")
    assert said[1] == "callboard: CALLBOARD_LEASE_SECOND is no setting of Callboard"


def test_setting_not_of_its_kind_ends_with_two(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBOARD_LEASE_SECONDS", "soon")

    ended = main(["config"])

    assert ended == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("callboard: CALLBOARD_LEASE_SECONDS='soon' is not valid")
