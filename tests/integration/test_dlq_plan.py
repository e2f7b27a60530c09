"""`dlq plan` and `dlq apply`: a plan says what would move and what not; apply moves that and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from models.database import query
from models.ledger.finish import finish
from models.ledger.letters import Operator, discard_letter, requeue_letter
from models.ledger.release import release_due
from policy.letter_plans import from_document
from scripts import applying
from tests.command_cases import Callboard, dead_letter
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, registered, state_of, wanted

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    return tmp_path / "night.json"


def planned(callboard: Callboard, plan_file: Path, verb: str = "requeue", *options: str) -> dict[str, Any]:
    ended = callboard("dlq", "plan", verb, "--out", plan_file, *options)
    assert ended.code == 0, ended.err
    return dict(json.loads(plan_file.read_text()))


def resolutions() -> list[str]:
    return [row[0] for row in query("SELECT resolution FROM dead_letter ORDER BY died_at, id")]


def log() -> list[tuple[object, ...]]:
    return query("SELECT verb, target, plan_hash, result FROM operator_action ORDER BY id")


def test_plan_lists_what_would_move_and_what_would_not_and_why(callboard: Callboard, plan_file: Path) -> None:
    _, good = dead_letter()
    _, blocked = dead_letter("k")
    dispatched("k")

    told = planned(callboard, plan_file)

    assert told["letters"] == [{"id": str(good), "version": 1}]
    assert told["refused"] == [{"id": str(blocked), "version": 1, "refusal": "key_taken"}]
    assert "Another job holds the dispatch key" in told["refusals"]["key_taken"]
    assert resolutions() == ["OPEN", "OPEN"]
    assert log() == []


def test_of_two_letters_with_one_key_only_the_first_is_planned(callboard: Callboard, plan_file: Path) -> None:
    _, first = dead_letter("k")
    _, second = dead_letter("k")

    told = planned(callboard, plan_file)

    assert [one["id"] for one in told["letters"]] == [str(first)]
    assert [(one["id"], one["refusal"]) for one in told["refused"]] == [(str(second), "key_taken")]


def test_filters_choose_and_are_noted(callboard: Callboard, plan_file: Path) -> None:
    dead_letter()
    _, mine = dead_letter(client_id="acme")

    told = planned(callboard, plan_file, "requeue", "--client", "acme", "--error-class", "ValueError")

    assert [one["id"] for one in told["letters"]] == [str(mine)]
    assert told["filters"] == {"client_id": "acme", "error_class": "ValueError"}


def test_plan_is_printed_and_not_written_when_json_is_asked(
    callboard: Callboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dead_letter()

    ended = callboard("dlq", "plan", "requeue", "--json")

    plan, sealed = from_document(ended.out)
    assert plan.digest == sealed
    assert list(tmp_path.iterdir()) == []


def test_plan_has_a_file_of_its_own_when_none_is_named(
    callboard: Callboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dead_letter()

    ended = callboard("dlq", "plan", "discard")

    (file,) = tmp_path.iterdir()
    assert f"callboard dlq apply {file.name}" in ended.out


def test_nothing_to_plan_ends_with_three(callboard: Callboard, plan_file: Path) -> None:
    ended = callboard("dlq", "plan", "requeue", "--out", plan_file)
    told = callboard("dlq", "plan", "requeue", "--out", plan_file, "--json")

    assert [(one.code, one.err) for one in (ended, told)] == [(3, "callboard: nothing matched\n")] * 2
    assert (ended.out, told.data["letters"], told.data["refused"]) == ("", [], [])
    assert not plan_file.exists()


def test_plan_that_cannot_be_written_is_one_line(callboard: Callboard, tmp_path: Path) -> None:
    dead_letter()

    ended = callboard("dlq", "plan", "requeue", "--out", tmp_path / "nowhere" / "plan.json")

    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert "cannot write" in ended.err


def test_applied_plan_moves_its_letters_with_a_row_of_the_log_each(
    callboard: Callboard, plan_file: Path, redis_client: redis.Redis
) -> None:
    job_id, letter = dead_letter(redis_id="r-1")
    other_job, other = dead_letter()
    redis_client.zadd("dramatiq:default.XQ", {"r-1": 1, "r-2": 2})
    told = planned(callboard, plan_file)

    ended = callboard("dlq", "apply", plan_file, "--operator", "ann", "--reason", "mended")

    assert (ended.code, ended.err) == (0, "")
    assert [state_of(one) for one in (job_id, other_job)] == ["pending", "pending"]
    assert log() == [("requeue", str(one), told["hash"], "done") for one in (letter, other)]
    assert redis_client.zrange("dramatiq:default.XQ", 0, -1) == [b"r-2"]


def test_discard_is_planned_and_applied_with_a_reason_only(callboard: Callboard, plan_file: Path) -> None:
    job_id, _ = dead_letter()
    planned(callboard, plan_file, "discard")

    without, with_one = callboard("dlq", "apply", plan_file), callboard("dlq", "apply", plan_file, "--reason", "sold")

    assert (without.code, with_one.code) == (4, 0)
    assert state_of(job_id) == "discarded"


def test_applied_twice_the_second_time_finds_all_done(callboard: Callboard, plan_file: Path) -> None:
    dead_letter()
    planned(callboard, plan_file)

    first, second = (callboard("dlq", "apply", plan_file, "--json") for _ in range(2))

    assert (first.code, first.data["moved"], first.data["done_before"]) == (0, 1, 0)
    assert (second.code, second.data["moved"], second.data["done_before"]) == (0, 0, 1)
    assert len(log()) == 1


def test_dry_run_of_a_plan_moves_nothing(callboard: Callboard, plan_file: Path) -> None:
    dead_letter()
    planned(callboard, plan_file)

    ended = callboard("dlq", "apply", plan_file, "--dry-run")

    assert ended.code == 0
    assert "would move 1" in ended.out
    assert resolutions() == ["OPEN"]


@pytest.mark.parametrize("move", ["discard", "requeue and die again", "take its key"])
def test_world_that_moved_is_refused_and_nothing_moves(callboard: Callboard, plan_file: Path, move: str) -> None:
    _, stays = dead_letter()
    job_id, letter = dead_letter("k")
    planned(callboard, plan_file)
    if move == "take its key":
        dispatched("k")
    elif move == "discard":
        discard_letter(letter, Operator("bob", "x"))
    else:
        requeue_letter(letter, Operator("bob"), dedupe_s=DEDUPE_S)
        release_due("default", 9)
        holder = registered()
        finish(holder.id, [death(claimed(holder, wanted(id=job_id), 2))], dedupe_s=DEDUPE_S)

    ended = callboard("dlq", "apply", plan_file)

    assert ended.code == 4
    assert str(letter) in ended.err
    assert query("SELECT resolution FROM dead_letter WHERE id = %s", (stays,)) == [("OPEN",)]
    assert not [row for row in log() if row[2] is not None]


def test_plan_changed_by_hand_is_refused(callboard: Callboard, plan_file: Path) -> None:
    dead_letter()
    told = planned(callboard, plan_file)
    plan_file.write_text(json.dumps({**told, "verb": "discard"}))

    ended = callboard("dlq", "apply", plan_file, "--reason", "x")

    assert ended.code == 4
    assert "was changed since" in ended.err
    assert resolutions() == ["OPEN"]


def test_plan_of_another_database_is_refused(
    callboard: Callboard, plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letter()
    planned(callboard, plan_file)
    monkeypatch.setattr(applying, "database_identity", lambda: "another")

    ended = callboard("dlq", "apply", plan_file)

    assert ended.code == 4
    assert "another database" in ended.err


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"format": 99}'])
def test_file_that_is_no_plan_is_one_line(callboard: Callboard, plan_file: Path, text: str) -> None:
    plan_file.write_text(text)

    ended = callboard("dlq", "apply", plan_file)

    assert ended.code == 1
    assert "is no plan" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("rate", ["0", "fast", "-1/s", "1/d"])
def test_rate_that_is_none_is_a_mistake_of_usage(callboard: Callboard, plan_file: Path, rate: str) -> None:
    ended = callboard("dlq", "apply", plan_file, "--rate", rate)

    assert ended.code == 2


def test_plan_of_refused_letters_alone_has_nothing_to_apply(callboard: Callboard, plan_file: Path) -> None:
    dead_letter("k")
    dispatched("k")
    planned(callboard, plan_file)

    ended = callboard("dlq", "apply", plan_file)

    assert ended.code == 3


def test_requeued_message_is_as_old_as_its_requeue(callboard: Callboard, plan_file: Path) -> None:
    job_id, _ = dead_letter()
    old = b'{"message_timestamp": 1, "args": []}'
    query("UPDATE background_job SET payload = %s WHERE id = %s", (old, job_id))
    planned(callboard, plan_file)

    callboard("dlq", "apply", plan_file)

    (payload, now_ms) = query("SELECT payload, extract(epoch FROM now()) * 1000 FROM background_job")[0]
    assert abs(json.loads(bytes(payload))["message_timestamp"] - float(now_ms)) < 60_000
