"""`callboard dispatch`: one job by hand."""

from __future__ import annotations

from pathlib import Path

import dramatiq
import pytest
import redis

from actors import broker as actors_broker
from models.database import query
from tests.command_cases import Callboard

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def callboard(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis
) -> Callboard:
    """The command in this process, with a broker of the test's own and one actor besides ours."""
    monkeypatch.setattr(actors_broker, "_broker", None)
    broker = actors_broker.setup()
    dramatiq.actor(broker=broker, actor_name="whisper")(_whisper)
    return Callboard(capsys)


def _whisper(word: str) -> None:
    """An actor."""


def test_job_is_dispatched_with_its_arguments_key_and_client(callboard: Callboard) -> None:
    ended = callboard("dispatch", "whisper", '{"word": "hush"}', "--key", "k", "--client", "acme", "--json")

    assert ended.code == 0
    assert ended.data["outcome"] == "dispatched"
    row = query("SELECT id::text, actor, dispatch_key, client_id, source FROM background_job")
    assert row == [(ended.data["job_id"], "whisper", "k", "acme", "command")]


def test_duplicate_is_exit_0_and_names_the_holder(callboard: Callboard) -> None:
    first = callboard("dispatch", "whisper", '["hush"]', "--key", "k", "--json")

    second = callboard("dispatch", "whisper", '["hush"]', "--key", "k", "--json")

    assert second.code == 0
    assert (second.data["outcome"], second.data["job_id"]) == ("duplicate", first.data["job_id"])
    assert query("SELECT count(*) FROM background_job") == [(1,)]


def test_later_job_waits_for_its_time(callboard: Callboard) -> None:
    ended = callboard("dispatch", "whisper", '["hush"]', "--at", "2999-01-01T00:00:00Z", "--json")

    assert ended.data["enqueued"] is False
    assert query("SELECT state, run_at::date::text FROM background_job") == [("pending", "2999-01-01")]


def test_dry_run_dispatches_nothing(callboard: Callboard) -> None:
    ended = callboard("dispatch", "whisper", "--dry-run")

    assert ended.code == 0
    assert "would dispatch" in ended.out
    assert query("SELECT count(*) FROM background_job") == [(0,)]


def test_unknown_actor_is_one_line_and_exit_3(callboard: Callboard) -> None:
    ended = callboard("dispatch", "nobody")

    assert ended.code == 3
    assert "no actor 'nobody'" in ended.err


@pytest.mark.parametrize("words", [("{",), ("7",), ("[]", "--key", ""), ("[]", "--at", "tomorrow")])
def test_bad_words_are_exit_2(callboard: Callboard, words: tuple[str, ...]) -> None:
    ended = callboard("dispatch", "whisper", *words)

    assert ended.code == 2
    assert query("SELECT count(*) FROM background_job") == [(0,)]


def test_module_of_ones_own_is_found_in_this_folder(
    callboard: Callboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompter.py").write_text("import dramatiq\n\n\n@dramatiq.actor\ndef prompt():\n    pass\n")
    monkeypatch.chdir(tmp_path)

    ended = callboard("dispatch", "prompt", "--module", "prompter", "--json")

    assert ended.code == 0, ended.err
    assert query("SELECT actor FROM background_job") == [("prompt",)]
