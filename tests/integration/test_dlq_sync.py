"""Both worlds of dead letters: the drift between ledger and Redis seen and repaired, strays adopted and run."""

from __future__ import annotations

import json
from typing import cast
from uuid import UUID, uuid4

import pytest
import redis
from dramatiq import Message

from models.database import query
from models.ledger.letters import Operator, discard_letter, requeue_letter
from tests.command_cases import Callboard, dead_letter
from tests.ledger_cases import DEDUPE_S, in_threads, state_of

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


def in_xq(
    client: redis.Redis, redis_id: str, data: bytes = b"{}", *, at_ms: float = 1_000, queue: str = "default"
) -> None:
    client.zadd(f"dramatiq:{queue}.XQ", {redis_id: at_ms})
    client.hset(f"dramatiq:{queue}.XQ.msgs", redis_id, data)


def left(client: redis.Redis, queue: str = "default") -> set[str]:
    return {name.decode() for name in cast("list[bytes]", client.zrange(f"dramatiq:{queue}.XQ", 0, -1))}


def foreign(**options: object) -> tuple[UUID, bytes]:
    """A message as another application's Dramatiq left it, and its id."""
    message_id = uuid4()
    told = {"retries": 4, "traceback": "Traceback:\n  File\nrequests.exceptions.Timeout: no answer", **options}
    return message_id, Message("default", "their_actor", (1,), {}, told, str(message_id), 1).encode()


def envelope(job_id: UUID, **options: object) -> bytes:
    """The copy of a job of ours."""
    return Message("default", "actor", (), {}, {"job_id": str(job_id), **options}, str(job_id), 1).encode()


def test_entries_of_resolved_letters_go_and_open_ones_stay(callboard: Callboard, redis_client: redis.Redis) -> None:
    for number in range(3):
        dead_letter(redis_id=f"r-{number}")
        in_xq(redis_client, f"r-{number}")
    letters = [row[0] for row in query("SELECT id FROM dead_letter ORDER BY redis_message_id")]
    requeue_letter(letters[0], Operator("ann"), dedupe_s=DEDUPE_S)
    discard_letter(letters[1], Operator("ann", "x"))

    would, did, again = (callboard("dlq", "sync", *words, "--json") for words in (["--dry-run"], [], []))

    assert (would.data["entries"]["resolved"], would.data["repaired"]) == (2, 0)
    assert (did.data["entries"]["in_step"], did.data["repaired"]) == (1, 2)
    assert (again.data["entries"]["resolved"], again.data["repaired"]) == (0, 0)
    assert left(redis_client) == {"r-2"}


def test_entry_of_a_job_that_moved_on_goes(callboard: Callboard, redis_client: redis.Redis) -> None:
    job_id, letter = dead_letter()
    requeue_letter(letter, Operator("ann"), dedupe_s=DEDUPE_S)
    in_xq(redis_client, "late", envelope(job_id))

    callboard("dlq", "sync")

    assert left(redis_client) == set()


def test_letter_that_names_no_entry_is_linked_and_a_further_copy_goes(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    job_id, letter = dead_letter()
    in_xq(redis_client, "first", envelope(job_id))

    callboard("dlq", "sync")
    in_xq(redis_client, "second", envelope(job_id))
    callboard("dlq", "sync")

    assert query("SELECT redis_message_id FROM dead_letter WHERE id = %s", (letter,)) == [("first",)]
    assert left(redis_client) == {"first"}


def test_strays_are_left_alone_and_told(callboard: Callboard, redis_client: redis.Redis) -> None:
    in_xq(redis_client, "a", foreign()[1])
    in_xq(redis_client, "b", b"\xff\x00", queue="mail")

    told = callboard("dlq", "sync", "--json").data

    assert told["entries"]["stray"] == 2
    assert (left(redis_client), left(redis_client, "mail")) == ({"a"}, {"b"})


def test_letters_whose_entry_is_lost_stay_and_are_counted(callboard: Callboard, redis_client: redis.Redis) -> None:
    dead_letter(redis_id="gone")

    told = callboard("dlq", "sync", "--json").data

    assert told["letters_without_entry"] == 1
    assert query("SELECT resolution FROM dead_letter") == [("OPEN",)]


def test_strays_stand_in_the_list_marked(callboard: Callboard, redis_client: redis.Redis) -> None:
    _, letter = dead_letter(redis_id="r-1")
    in_xq(redis_client, "r-1")
    redis_id = str(uuid4())
    in_xq(redis_client, redis_id, foreign()[1])
    in_xq(redis_client, "odd", b"\x1b[31m\xff", at_ms=500)

    text, told = callboard("dlq", "list"), callboard("dlq", "list", "--json").data

    assert [(one["id"], one["redis_message_id"], one["in_ledger"]) for one in told] == [
        (str(letter), "r-1", True),
        (None, redis_id, False),
        (None, "odd", False),
    ]
    assert (told[1]["actor"], told[1]["reason"], told[1]["error_class"]) == ("their_actor", "exhausted", "Timeout")
    assert told[2]["reason"] == "undecodable"
    assert [row.split()[:2] for row in text.rows] == [[str(letter), "ledger"], [redis_id, "redis"], ["odd", "redis"]]
    assert "\x1b" not in text.out


def test_pages_hold_every_row_of_both_worlds_once(callboard: Callboard, redis_client: redis.Redis) -> None:
    for number in range(7):
        dead_letter(redis_id=f"r-{number}")
        in_xq(redis_client, f"r-{number}")
    query("UPDATE dead_letter SET died_at = to_timestamp(substr(redis_message_id, 3)::int)")
    for number in range(5):
        in_xq(redis_client, str(uuid4()), foreign()[1], at_ms=1_000 * number + 500)

    seen, words = [], ["dlq", "list", "--limit", "2", "--json"]
    page = callboard(*words)
    while True:
        seen += page.data
        if "--after" not in page.err:
            break
        page = callboard(*words, "--after", page.err.split("--after ")[1].strip())

    assert len({one["redis_message_id"] for one in seen}) == len(seen) == 12
    assert [one["died_at"] for one in seen] == sorted((one["died_at"] for one in seen), reverse=True)


def test_redis_away_leaves_the_ledgers_list(callboard: Callboard, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_letter()
    monkeypatch.setenv("CALLBOARD_REDIS_URL", "redis://127.0.0.1:1/0")

    ended = callboard("dlq", "list", "--json")

    assert (ended.code, len(ended.data)) == (0, 1)
    assert "only the ledger is shown" in ended.err


def test_adopted_message_is_a_letter_and_its_requeue_a_job(callboard: Callboard, redis_client: redis.Redis) -> None:
    message_id, data = foreign(max_retries=2)
    in_xq(redis_client, "a", data)

    adopted = callboard("dlq", "adopt", "a", "--operator", "ann")
    letter = query("SELECT id, job_id, reason, error_class, actor FROM dead_letter")[0]
    requeued = callboard("dlq", "requeue", letter[0])

    assert (adopted.code, requeued.code) == (0, 0)
    assert letter[1:] == (None, "exhausted", "Timeout", "their_actor")
    (job,) = query("SELECT id, state, actor, queue, attempts_allowed, payload FROM background_job")
    assert job[:5] == (message_id, "pending", "their_actor", "default", 3)
    assert json.loads(bytes(job[5]))["options"] == {"max_retries": 2}
    assert left(redis_client) == set()
    assert query("SELECT verb, result FROM operator_action ORDER BY id") == [("adopt", "done"), ("requeue", "done")]


def test_adopted_message_is_requeued_once_from_many_sides(callboard: Callboard, redis_client: redis.Redis) -> None:
    in_xq(redis_client, "a", foreign()[1])

    def adopt() -> None:
        callboard("dlq", "adopt", "--all")

    in_threads([adopt] * 4)

    assert query("SELECT count(*) FROM dead_letter") == [(1,)]


def test_undecodable_bytes_are_adopted_and_can_only_be_discarded(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    in_xq(redis_client, "odd", b"\x80\x04no\x00message")

    callboard("dlq", "adopt", "odd")
    (letter, raw) = query("SELECT id, raw FROM dead_letter")[0]
    requeued = callboard("dlq", "requeue", letter)
    discarded = callboard("dlq", "discard", letter, "--reason", "not ours")

    assert bytes(raw) == b"\x80\x04no\x00message"
    assert (requeued.code, discarded.code) == (4, 0)
    assert left(redis_client) == set()


def test_nothing_of_undecodable_bytes_is_shown_or_kept_as_the_error(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    in_xq(redis_client, "odd", b'{"args":["SECRET"]}')

    listed = callboard("dlq", "list", "--json")
    callboard("dlq", "adopt", "odd")
    adopted = callboard("dlq", "list", "--json")

    assert "SECRET" not in listed.out + adopted.out
    assert [one["error_message"] for one in [*listed.data, *adopted.data]] == ["19 bytes that are no message"] * 2
    assert b"SECRET" in bytes(query("SELECT raw FROM dead_letter")[0][0])


def test_entry_of_a_known_letter_is_not_adopted(callboard: Callboard, redis_client: redis.Redis) -> None:
    job_id, _ = dead_letter(redis_id="r-1")
    in_xq(redis_client, "r-1", envelope(job_id))

    named, all_of_them = callboard("dlq", "adopt", "r-1"), callboard("dlq", "adopt", "--all")

    assert (named.code, all_of_them.code) == (4, 3)
    assert query("SELECT count(*) FROM dead_letter") == [(1,)]


@pytest.mark.parametrize("words", [["dlq", "show"], ["dlq", "requeue"], ["explain"]], ids=" ".join)
def test_id_that_only_redis_knows_is_told_how_to_be_taken_in(
    callboard: Callboard, redis_client: redis.Redis, words: list[str]
) -> None:
    stray, copy, job_id = str(uuid4()), str(uuid4()), dead_letter()[0]
    in_xq(redis_client, stray, foreign()[1], queue="mail")
    in_xq(redis_client, copy, envelope(job_id))

    named, known, nothing = (callboard(*words, one) for one in (stray, copy, uuid4()))

    assert [one.code for one in (named, known, nothing)] == [3, 3, 3]
    assert f"an entry of mail.XQ in Redis does: `callboard dlq adopt {stray}`" in named.err
    assert "adopt" not in known.err + nothing.err
    assert named.err.count("\n") == 1


def test_unknown_id_is_not_found_while_redis_is_away(
    callboard: Callboard, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBOARD_REDIS_URL", "redis://127.0.0.1:1/0")

    ended = callboard("explain", "nobody")

    assert (ended.code, ended.err) == (3, "callboard: nothing goes by 'nobody'\n")


def test_unknown_entry_is_not_found_and_a_dry_run_adopts_nothing(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    in_xq(redis_client, "a", foreign()[1])

    unknown, would = callboard("dlq", "adopt", "nobody"), callboard("dlq", "adopt", "--all", "--dry-run")

    assert (unknown.code, would.code) == (3, 0)
    assert "would adopt 1 letter" in would.out
    assert query("SELECT count(*) FROM dead_letter") == [(0,)]


def test_adopted_message_whose_job_has_come_in_meanwhile_is_refused(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    message_id, data = foreign()
    in_xq(redis_client, "a", data)
    callboard("dlq", "adopt", "a")
    job_id, _ = dead_letter(id=message_id)

    ended = callboard("dlq", "requeue", query("SELECT id FROM dead_letter WHERE job_id IS NULL")[0][0])

    assert ended.code == 4
    assert state_of(job_id) == "dead"
