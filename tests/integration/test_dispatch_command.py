"""`callboard dispatch`: one job by hand."""

from __future__ import annotations

import sys
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
    actors_broker.setup()  # the families bind to the first broker of a process; later tests want them on it
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


def test_dry_run_of_a_duplicate_answers_as_the_dispatch_would_and_counts_nothing(callboard: Callboard) -> None:
    callboard("dispatch", "whisper", '["hush"]', "--key", "k")

    would = callboard("dispatch", "whisper", '["hush"]', "--key", "k", "--dry-run", "--json").data
    counted = query("SELECT duplicates_suppressed FROM background_job")
    did = callboard("dispatch", "whisper", '["hush"]', "--key", "k", "--json").data

    assert {**would, "age_s": None} == {**did, "age_s": None}
    assert 0 <= would["age_s"] <= did["age_s"]
    assert counted == [(0,)]


def test_dry_run_finds_a_key_free_whose_dedupe_period_is_over(callboard: Callboard) -> None:
    callboard("dispatch", "whisper", '["hush"]', "--key", "k")
    query(
        "UPDATE background_job SET state = 'succeeded', key_expires_at = now() - interval '1 s', finished_at = now(),"
        " released_at = NULL, attempts = 1"
    )

    ended = callboard("dispatch", "whisper", '["hush"]', "--key", "k", "--dry-run", "--json")

    assert ended.data["outcome"] == "would dispatch"


@pytest.mark.parametrize(
    "words",
    [
        ["whisper", '["hush"]', "--client", "acme", "--key", "k"],
        ["whisper", "--client", "acme", '["hush"]', "--key", "k"],
        ["whisper", "--client", "acme", "--key", "k", '["hush"]'],
        ["--client", "acme", "whisper", "--key", "k", '["hush"]'],
        ["--client", "acme", "--key", "k", "whisper", '["hush"]'],
    ],
    ids=" ".join,
)
def test_arguments_may_stand_before_and_behind_options(callboard: Callboard, words: list[str]) -> None:
    ended = callboard("dispatch", *words, "--json")

    assert ended.code == 0, ended.err
    rows = query("SELECT dispatch_key, client_id, convert_from(payload, 'utf-8')::json->>'args' FROM background_job")
    assert rows == [("k", "acme", '["hush"]')]


@pytest.mark.parametrize(("words", "said"), [((), "ACTOR"), (("whisper", "[]", "[]"), "unrecognized"), (("--x",), "")])
def test_too_few_and_too_many_arguments_are_exit_2(callboard: Callboard, words: tuple[str, ...], said: str) -> None:
    ended = callboard("dispatch", *words)

    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert said in ended.err


def test_span_is_counted_from_now_on(callboard: Callboard) -> None:
    ended = callboard("dispatch", "whisper", '["hush"]', "--at", "10m", "--json")

    assert ended.data["enqueued"] is False
    assert query("SELECT round(extract(epoch FROM run_at - now()) / 60) FROM background_job") == [(10,)]


def test_unknown_actor_is_one_line_and_exit_3(callboard: Callboard) -> None:
    ended = callboard("dispatch", "nobody")

    assert ended.code == 3
    assert "no actor 'nobody'" in ended.err


@pytest.mark.parametrize("words", [("{",), ("7",), ("[]", "--key", ""), ("[]", "--at", "tomorrow"), ("--module", "")])
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


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("raise ValueError('no\\nscript')", 1, "module broken cannot be imported: ValueError: no script"),
        ("import sys\nsys.exit(7)", 1, "module broken cannot be imported: SystemExit: 7"),
        ("def (", 1, "module broken cannot be imported: SyntaxError"),
        ("import a_module_that_is_not_there", 3, "no module 'a_module_that_is_not_there'"),
    ],
    ids=["raises", "exits", "no Python", "needs another"],
)
def test_module_that_cannot_be_imported_is_one_line(
    callboard: Callboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int, said: str
) -> None:
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *sys.path])

    ended = callboard("dispatch", "prompt", "--module", "broken")

    assert (ended.code, ended.err.count("\n")) == (code, 1)
    assert said in ended.err
