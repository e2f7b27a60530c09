"""The commands that change: dead letters requeued and discarded, jobs cancelled; each on record, refusals too."""

from __future__ import annotations

from typing import cast
from uuid import UUID, uuid4

import pytest
import redis

from middleware import configuration
from models.database import query
from models.ledger.letters import Operator, discard_letter
from tests.command_cases import SECRET, Callboard, dead_letter, job_with_secret
from tests.ledger_cases import claimed, dispatched, registered, state_of

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


def in_xq(client: redis.Redis, redis_id: str) -> None:
    client.zadd("dramatiq:default.XQ", {redis_id: 1})
    client.hset("dramatiq:default.XQ.msgs", redis_id, b"{}")


def left_in_xq(client: redis.Redis) -> list[bytes]:
    return cast("list[bytes]", client.zrange("dramatiq:default.XQ", 0, -1)) + cast(
        "list[bytes]", client.hkeys("dramatiq:default.XQ.msgs")
    )


def log() -> list[tuple[object, ...]]:
    return query("SELECT operator, verb, target, reason, result FROM operator_action ORDER BY id")


def resolution(letter_id: UUID) -> str:
    return str(query("SELECT resolution FROM dead_letter WHERE id = %s", (letter_id,))[0][0])


def test_requeue_makes_the_job_pending_and_takes_its_entry_out_of_redis(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    job_id, letter_id = dead_letter(redis_id="r-1")
    in_xq(redis_client, "r-1")
    in_xq(redis_client, "r-2")

    ended = callboard("dlq", "requeue", letter_id, "--operator", "ann", "--reason", "fixed")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"requeued letter {letter_id}: job {job_id} is pending\n"
    assert (state_of(job_id), resolution(letter_id)) == ("pending", "REQUEUED")
    assert left_in_xq(redis_client) == [b"r-2", b"r-2"]
    assert log() == [("ann", "requeue", str(letter_id), "fixed", "done")]


def test_letter_is_found_by_its_jobs_id_and_by_a_beginning(callboard: Callboard, redis_client: redis.Redis) -> None:
    first, second = dead_letter(), dead_letter()

    ended = callboard("dlq", "requeue", first[0], str(second[1])[:13], "--json")

    assert [(one["id"], one["result"]) for one in ended.data] == [(str(first[1]), "done"), (str(second[1]), "done")]


def test_letter_named_twice_is_moved_once(callboard: Callboard, redis_client: redis.Redis) -> None:
    job_id, letter_id = dead_letter()

    ended = callboard("dlq", "requeue", letter_id, job_id, letter_id)

    assert ended.code == 0
    assert len(log()) == 1


def test_discard_closes_the_letter_with_its_reason(callboard: Callboard, redis_client: redis.Redis) -> None:
    job_id, letter_id = dead_letter(redis_id="r-1")
    in_xq(redis_client, "r-1")

    ended = callboard("dlq", "discard", letter_id, "--reason", "stage sold", "--operator", "ann")

    assert (ended.code, ended.out) == (0, f"discarded letter {letter_id}\n")
    assert (state_of(job_id), resolution(letter_id)) == ("discarded", "DISCARDED")
    assert left_in_xq(redis_client) == []
    assert log() == [("ann", "discard", str(letter_id), "stage sold", "done")]


def test_discard_without_a_reason_is_a_mistake_of_usage(callboard: Callboard) -> None:
    _, letter_id = dead_letter()

    ended = callboard("dlq", "discard", letter_id)

    assert ended.code == 2
    assert resolution(letter_id) == "OPEN"


def test_blank_reason_is_refused(callboard: Callboard, redis_client: redis.Redis) -> None:
    _, letter_id = dead_letter()

    ended = callboard("dlq", "discard", letter_id, "--reason", " ")

    assert ended.code == 4
    assert "reason_missing" in ended.err


@pytest.mark.parametrize(
    ("words", "would"), [(["requeue"], "would requeue"), (["discard", "--reason", "x"], "would discard")]
)
def test_dry_run_says_what_would_happen_and_changes_nothing(callboard: Callboard, words: list[str], would: str) -> None:
    job_id, letter_id = dead_letter()

    ended = callboard("dlq", *words, letter_id, "--dry-run")

    assert (ended.code, ended.out) == (0, f"{would} letter {letter_id}\n")
    assert (state_of(job_id), resolution(letter_id)) == ("dead", "OPEN")
    assert log() == []


@pytest.mark.parametrize("option", [[], ["--dry-run"]], ids=["requeue", "dry run"])
def test_refused_letter_ends_with_four_and_names_the_invariant(
    callboard: Callboard, redis_client: redis.Redis, option: list[str]
) -> None:
    _, letter_id = dead_letter("k")
    dispatched("k")

    ended = callboard("dlq", "requeue", letter_id, *option)

    assert ended.code == 4
    assert f"requeue of letter {letter_id} refused, key_taken: Another job holds the dispatch key" in ended.err
    assert resolution(letter_id) == "OPEN"


def test_of_several_letters_some_refused_or_unknown_ends_with_five(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    _, good = dead_letter()
    _, closed = dead_letter()
    discard_letter(closed, Operator("bob", "x"))
    stranger = uuid4()

    ended = callboard("dlq", "requeue", closed, stranger, good, "--json")

    assert ended.code == 5
    assert [(one["result"], one["reason"]) for one in ended.data] == [
        ("refused", "not_open"),
        ("not_found", None),
        ("done", None),
    ]


def test_unknown_letters_end_with_three(callboard: Callboard, redis_client: redis.Redis) -> None:
    ended = callboard("dlq", "requeue", uuid4(), uuid4())

    assert ended.code == 3


def test_ambiguous_beginning_ends_with_two_before_anything_has_moved(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    _, good = dead_letter()
    for _ in range(2):
        _, letter_id = dead_letter()
        query("UPDATE dead_letter SET id = ('01a20a20-' || substr(id::text, 10))::uuid WHERE id = %s", (letter_id,))

    ended = callboard("dlq", "requeue", good, "01a20a20")

    assert ended.code == 2
    assert resolution(good) == "OPEN"


def test_redis_away_after_the_commit_is_a_note_and_no_failure(
    callboard: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBOARD_REDIS_URL", "redis://127.0.0.1:1/0")
    configuration.settings_in_force.cache_clear()
    job_id, letter_id = dead_letter(redis_id="r-1")

    ended = callboard("dlq", "requeue", letter_id)

    assert ended.code == 0
    assert "Redis did not answer" in ended.out
    assert "default.XQ" in ended.out
    assert state_of(job_id) == "pending"


def test_arguments_are_shown_when_asked_and_the_look_is_on_record(callboard: Callboard) -> None:
    _, letter_id = dead_letter()

    text = callboard("dlq", "show", letter_id, "--show-args", "--operator", "ann")
    told = callboard("dlq", "show", letter_id, "--show-args", "--json", "--operator", "bob").data

    assert SECRET in text.out
    assert told["message"] == {"args": [SECRET], "kwargs": {"word": SECRET}}
    assert log() == [
        ("ann", "show-args", str(letter_id), None, "shown"),
        ("bob", "show-args", str(letter_id), None, "shown"),
    ]


def test_bytes_that_are_no_message_are_shown_safely(callboard: Callboard) -> None:
    _, letter_id = dead_letter()
    query("UPDATE dead_letter SET payload = %s WHERE id = %s", (b"\x1b[31m\xff\x00", letter_id))

    ended = callboard("dlq", "show", letter_id, "--show-args")

    assert ended.code == 0
    assert "\\x1b[31m" in ended.out
    assert "\x1b" not in ended.out


def test_letter_is_shown_with_the_story_of_its_job_and_what_a_requeue_would_meet(callboard: Callboard) -> None:
    _, letter_id = dead_letter("k")
    dispatched("k")

    text, told = callboard("dlq", "show", letter_id).out, callboard("dlq", "show", letter_id, "--json").data

    assert "arguments         not shown" in text
    assert "A requeue would be refused now, key_taken" in " ".join(text.split())
    assert told["story"]["dead_letters"] == [
        {"id": str(letter_id), "resolution": "OPEN", "requeue_refused": "key_taken"}
    ]


def test_jobs_that_have_not_begun_are_cancelled_and_others_refused(callboard: Callboard) -> None:
    queued, running = job_with_secret(actor="send"), job_with_secret()
    claimed(registered(), running)

    ended = callboard("jobs", "cancel", queued.id, running.id, "--operator", "ann", "--reason", "no more")

    assert ended.code == 5
    assert ended.out == f"cancelled job {queued.id} (send)\n"
    assert f"cancel of job {running.id} refused, running" in ended.err
    assert [state_of(job.id) for job in (queued, running)] == ["cancelled", "running"]
    assert log() == [
        ("ann", "cancel", str(queued.id), "no more", "done"),
        ("ann", "cancel", str(running.id), "no more", "refused: running"),
    ]


def test_dry_run_of_a_cancel_changes_nothing_and_refuses_alike(callboard: Callboard) -> None:
    queued, running = job_with_secret(actor="send"), job_with_secret()
    claimed(registered(), running)

    good, bad = (
        callboard("jobs", "cancel", queued.id, "--dry-run"),
        callboard("jobs", "cancel", running.id, "--dry-run"),
    )

    assert (good.code, good.out) == (0, f"would cancel job {queued.id} (send, queued)\n")
    assert bad.code == 4
    assert state_of(queued.id) == "queued"
    assert log() == []


def test_operator_is_the_login_name_unless_given(callboard: Callboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "prompter")

    callboard("jobs", "cancel", job_with_secret().id)

    assert [row[0] for row in log()] == ["prompter"]
