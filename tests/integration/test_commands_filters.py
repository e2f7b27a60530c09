"""The lists' options: filters under all their names, cursors of other lists, words and text that can be none."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from uuid import UUID

import pytest

from models.database import query
from models.ledger.finish import finish
from models.ledger.letters import Operator, record_action
from tests.command_cases import Callboard, dead_letter, job_with_secret
from tests.ledger_cases import DEDUPE_S, claimed, registered, success
from tests.reading_cases import window

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

#: An argument that is no UTF-8, as Python hands it over.
NO_UTF8 = "\udcff"
MOMENT = "2026-11-23T20:40:06.516448Z"


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["jobs", "list", "--state", "succeeded"], 1),
        (["jobs", "list", "--status", "succeeded"], 1),
        (["jobs", "list", "--dispatch-key", "mine"], 1),
        (["jobs", "list", "--correlation-id", "family"], 1),
        (["runs", "list", "--status", "succeeded"], 1),
        (["runs", "list", "--state", "succeeded"], 1),
        (["runs", "list", "--dispatch-key", "mine"], 1),
        (["runs", "list", "--correlation-id", "family"], 1),
        (["dlq", "list", "--correlation-id", "grave"], 1),
        (["dlq", "list", "--correlation", "family"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_filter_answers_to_the_names_of_tables_and_of_other_lists(
    callboard: Callboard, words: list[str], found: int
) -> None:
    holder = registered()
    finish(holder.id, [success(claimed(holder, job_with_secret("mine", correlation_id="family")))], dedupe_s=DEDUPE_S)
    dead_letter("other", correlation_id="grave")

    ended = callboard(*words, "--json")

    assert (len(ended.data), ended.code) == (found, 0 if found else 3)


@pytest.mark.parametrize("option", ["--key", "--dispatch-key", "--correlation", "--correlation-id"])
def test_windows_are_found_by_their_key_and_their_family(callboard: Callboard, option: str) -> None:
    keys = [window(datetime(2026, 2, 17, 21, minute, tzinfo=timezone.utc)) for minute in (1, 2)]
    named = keys[0] if "key" in option else f"corr-{keys[0]}"

    ended = callboard("windows", "list", option, named, "--json")
    nothing = callboard("windows", "list", option, "nobody's")

    assert [one["dispatch_key"] for one in ended.data] == [keys[0]]
    assert nothing.code == 3


LISTS = ["jobs", "runs", "dlq", "workers", "actions", "windows"]


@pytest.mark.parametrize("command", LISTS)
@pytest.mark.parametrize("row_id", ["garbage", "0", "9" * 19, "1e3", "{" + str(UUID(int=7)) + "}", "-1"])
def test_cursor_that_is_none_is_one_line_and_exit_two(callboard: Callboard, command: str, row_id: str) -> None:
    ended = callboard(command, "list", "--after", f"{MOMENT}/{row_id}")

    assert (ended.code, ended.out) == (2, "")
    assert "is no cursor" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "row_id"),
    [
        ("jobs", "17"),
        ("dlq", "background-jobs:v1:60:x"),
        ("workers", "17"),
        ("runs", str(UUID(int=7))),
        ("actions", str(UUID(int=7))),
        ("windows", str(UUID(int=7))),
        ("windows", "17"),
    ],
)
def test_cursor_of_another_list_is_a_mistake_of_usage(callboard: Callboard, command: str, row_id: str) -> None:
    ended = callboard(command, "list", "--after", f"{MOMENT}/{row_id}")

    assert ended.code == 2
    assert "a page of this list" in ended.err


@pytest.mark.parametrize("command", LISTS)
def test_pages_of_every_list_go_on_where_they_say(callboard: Callboard, command: str) -> None:
    for minute in (1, 2):
        dead_letter()
        window(datetime(2026, 2, 17, 21, minute, tzinfo=timezone.utc))
        record_action(Operator("ann"), "requeue", "x", "done")

    first = callboard(command, "list", "--limit", 1, "--json")
    second = callboard(command, "list", "--limit", 1, "--json", "--after", first.err.split("--after ")[1].strip())

    assert (first.code, second.code) == (0, 0)
    assert first.data != second.data


@pytest.mark.parametrize(
    "words",
    [
        ["explain", NO_UTF8],
        ["jobs", "show", NO_UTF8],
        ["jobs", "list", "--client", NO_UTF8],
        ["jobs", "list", "--key", NO_UTF8],
        ["dlq", "list", "--text", NO_UTF8],
        ["dlq", "requeue", NO_UTF8],
        ["actions", "list", "--operator", NO_UTF8],
        ["leads", "opt-out", NO_UTF8],
        ["clients", "show", NO_UTF8],
        ["clients", "set", "acme", "--timezone", NO_UTF8],
        ["dispatch", NO_UTF8],
        ["dispatch", "whisper", f'["{NO_UTF8}"]'],
        ["dispatch", "whisper", "--module", NO_UTF8],
        ["dispatch", "whisper", "--client", NO_UTF8],
    ],
    ids=lambda words: " ".join(words).replace(NO_UTF8, "?"),
)
def test_text_that_is_no_utf8_is_one_line_and_exit_two(callboard: Callboard, words: list[str]) -> None:
    ended = callboard(*words)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert r"\udcff" in ended.err


def test_path_may_have_any_name(callboard: Callboard, tmp_path: Path) -> None:
    ended = callboard("ingest", tmp_path / NO_UTF8, "--dry-run")

    assert ended.code == 1
    assert "there is no such file" in ended.err


def test_actions_are_found_by_their_verbs_and_what_is_none_is_told_which_there_are(callboard: Callboard) -> None:
    for verb in ("requeue", "discard", "opt-out"):
        record_action(Operator("ann"), verb, "x", "done")

    two = callboard("actions", "list", "--verb", "REQUEUE", "--verb", "opt-out", "--json")
    wrong = callboard("actions", "list", "--verb", "nope")

    assert [one["verb"] for one in two.data] == ["opt-out", "requeue"]
    assert (wrong.code, wrong.out) == (2, "")
    assert "cancel, requeue, discard, settle" in wrong.err


def test_every_verb_in_the_log_can_be_asked_for(callboard: Callboard) -> None:
    dead_letter()
    letter = query("SELECT id FROM dead_letter")[0][0]
    callboard("dlq", "show", letter, "--show-args")
    callboard("dlq", "discard", letter, "--reason", "x")

    logged = {row[0] for row in query("SELECT verb FROM operator_action")}

    assert logged == {"show-args", "discard"}
    assert [callboard("actions", "list", "--verb", verb).code for verb in logged] == [0, 0]
