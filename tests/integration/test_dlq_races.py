"""Races on dead letters: whoever else moves, a letter moves once, a job runs once more, no key has two holders."""

from __future__ import annotations

import os
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
import redis

from middleware.dead_queue_sync import sync
from models.database import query
from models.dead_queue import DeadQueue
from models.ledger.dispatch import dispatch_jobs
from models.ledger.finish import finish
from models.ledger.letter_moves import discard_letters, requeue_letters
from models.ledger.letters import Operator
from models.ledger.release import release_due
from tests.command_cases import dead_letter
from tests.ledger_cases import (
    DEDUPE_S,
    answers_to,
    claimed,
    copy_of_job,
    death,
    in_threads,
    registered,
    success,
    wanted,
)

pytestmark = pytest.mark.usefixtures("ledger_database")

ANN, BOB = Operator("ann", "mended"), Operator("bob", "not wanted")

#: Letters in a race; each is one round.
ROUNDS = int(os.environ.get("CALLBOARD_TEST_ROUNDS", "200"))


def dead_letters(count: int, key: str | None = None) -> dict[UUID, UUID]:
    """So many dead jobs: job by letter. With a key, all had it, one after the other."""
    return {letter: job for job, letter in (dead_letter(key) for _ in range(count))}


def one_by_one(letters: list[UUID], move: Callable[[UUID], object]) -> Callable[[], None]:
    def go() -> None:
        for letter in letters:
            move(letter)

    return go


def requeue(letter: UUID) -> object:
    return requeue_letters({letter: None}, ANN, dedupe_s=DEDUPE_S)


def discard(letter: UUID) -> object:
    return discard_letters({letter: None}, BOB)


def done_by_target() -> list[int]:
    """How often each letter was moved, as the log says."""
    rows = query("SELECT count(*) FROM operator_action WHERE result = 'done' GROUP BY target")
    return [row[0] for row in rows]


def contradictions() -> list[tuple[object, ...]]:
    """Letters and jobs that do not say the same, and keys with two holders."""
    return query(
        "SELECT letter.id, letter.resolution, job.state FROM dead_letter AS letter JOIN background_job AS job"
        " ON job.id = letter.job_id WHERE (letter.resolution = 'OPEN') <> (job.state = 'dead')"
        " OR (letter.resolution = 'DISCARDED') <> (job.state = 'discarded')"
    )


def test_two_operators_on_each_letter_one_moves_it() -> None:
    letters = list(dead_letters(ROUNDS))

    in_threads([one_by_one(letters, requeue), one_by_one(letters, discard)])

    assert done_by_target() == [1] * ROUNDS
    assert contradictions() == []
    assert query("SELECT count(*) FROM operator_action WHERE result = 'refused: not_open'") == [(ROUNDS,)]


def test_two_batches_in_opposite_order_move_each_letter_once() -> None:
    letters = list(dead_letters(ROUNDS))
    there, back = dict.fromkeys(letters), dict.fromkeys(reversed(letters))

    moves = in_threads(
        [lambda: requeue_letters(there, ANN, dedupe_s=DEDUPE_S), lambda: discard_letters(back, BOB)],
    )

    assert sum(len(one.moved) for one in moves) == ROUNDS
    assert done_by_target() == [1] * ROUNDS
    assert contradictions() == []


def test_operators_and_a_dispatch_after_one_key_leave_it_one_holder() -> None:
    for number in range(ROUNDS // 10):
        letters = list(dead_letters(3, f"k{number}"))

        def dispatch(key: str = f"k{number}") -> None:
            dispatch_jobs([wanted(key)], dedupe_s=DEDUPE_S)

        in_threads([dispatch, *(one_by_one([letter], requeue) for letter in letters)])

    assert query(
        "SELECT max(holders) FROM (SELECT count(*) AS holders FROM background_job WHERE holds_key"
        " GROUP BY dispatch_key) AS keys"
    ) == [(1,)]
    assert query("SELECT count(DISTINCT dispatch_key) FROM background_job WHERE holds_key") == [(ROUNDS // 10,)]
    assert contradictions() == []


def test_operator_against_the_relay_each_job_is_released_once() -> None:
    letters = list(dead_letters(ROUNDS))
    released: list[UUID] = []
    over: list[bool] = []

    def relay() -> None:
        while not over or release_due("default", 1):
            released.extend(one.job_id for one in release_due("default", 16))

    def operate() -> None:
        try:
            one_by_one(letters, requeue)()
        finally:
            over.append(True)

    in_threads([relay, operate, one_by_one(letters, discard)])

    assert len(released) == len(set(released))
    rows = query("SELECT state, max(release) FROM background_job GROUP BY state")
    assert all(release <= 2 for _, release in rows)
    assert done_by_target() == [1] * ROUNDS


def test_operator_against_a_worker_that_finishes_never_takes_a_live_job() -> None:
    holder = registered()
    claims = []
    for letter, job_id in dead_letters(ROUNDS // 4).items():
        requeue(letter)
        claims.append((letter, job_id))
    live = []
    for one in release_due("default", ROUNDS):
        live.append(claimed(holder, wanted(id=one.job_id), one.release))
    letters = [letter for letter, _ in claims]

    def work() -> None:
        for number, claim in enumerate(live):
            done = success(claim) if number % 2 else death(claim)
            finish(holder.id, [done], dedupe_s=DEDUPE_S)

    def again() -> None:
        for _ in range(3):
            open_ones = query("SELECT id FROM dead_letter WHERE resolution = 'OPEN'")
            one_by_one([row[0] for row in open_ones], discard)()

    in_threads([work, again, one_by_one(letters, requeue)])

    states: dict[str, int] = dict(query("SELECT state, count(*) FROM background_job GROUP BY state"))
    assert states["succeeded"] == len(live) // 2
    assert set(states) <= {"succeeded", "dead", "discarded"}
    assert query("SELECT count(*) FROM background_function_run WHERE status = 'RUNNING'") == [(0,)]


def test_stale_copy_of_a_requeued_job_is_refused() -> None:
    (letter,) = dead_letters(1)
    (job_id,) = query("SELECT job_id FROM dead_letter")[0]
    requeue(letter)
    release_due("default", 1)
    copy = copy_of_job(wanted(id=job_id), 1)

    answer = answers_to(registered(), copy)[job_id]

    assert "stale" in str(answer).lower()


@pytest.mark.parametrize("killed", ["before the commit", "between ledger and Redis", "while Redis was away"])
def test_crash_between_ledger_and_redis_is_mended_by_the_next_sync(redis_client: redis.Redis, killed: str) -> None:
    redis_id = str(uuid4())
    job_id, letter = dead_letter(redis_id=redis_id)
    redis_client.zadd("dramatiq:default.XQ", {redis_id: 1})
    redis_client.hset("dramatiq:default.XQ.msgs", redis_id, b"{}")
    if killed != "before the commit":
        requeue(letter)
    if killed == "while Redis was away":
        redis_client.flushdb()

    drift = sync(redis_client)

    there = bool(redis_client.zcard("dramatiq:default.XQ"))
    resolution = query("SELECT resolution FROM dead_letter WHERE job_id = %s", (job_id,))[0][0]
    assert there == (resolution == "OPEN")
    assert drift.repaired == (1 if killed == "between ledger and Redis" else 0)


def test_sync_against_operators_takes_nothing_away_that_is_open(redis_client: redis.Redis) -> None:
    letters = []
    for number in range(60):
        _, letter = dead_letter(redis_id=f"r-{number}")
        redis_client.zadd("dramatiq:default.XQ", {f"r-{number}": number})
        letters.append(letter)

    def sync_often() -> None:
        for _ in range(10):
            sync(redis_client)

    in_threads([sync_often, one_by_one(letters[:30], requeue), one_by_one(letters[15:45], discard)])
    sync(redis_client)

    left = {mark.redis_id for mark in DeadQueue(redis_client, "default").marks()}
    open_ones = {row[0] for row in query("SELECT redis_message_id FROM dead_letter WHERE resolution = 'OPEN'")}
    assert left == open_ones
    assert len(open_ones) == 15
