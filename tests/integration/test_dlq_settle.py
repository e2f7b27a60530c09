"""`dlq settle`: an unknown outcome is held until an operator says what became of it; then the next run believes it."""

from __future__ import annotations

from uuid import UUID

import pytest

from middleware.effects import Done, once
from models.database import query
from models.ledger.release import release_due
from tests.broker_cases import acting, acting_process, broker_on, held_by_process
from tests.command_cases import Callboard, dead_letter
from tests.ledger_cases import state_of, wanted

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

KEY = "reply:17:1"


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


@pytest.fixture
def letter() -> tuple[UUID, UUID]:
    """A dead job that is held for an unknown effect, and its letter."""
    job_id, letter_id = dead_letter()
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, settled_at)"
        " VALUES (%s, 'mail', %s, 'run', 1, 'UNKNOWN', now())",
        (KEY, job_id),
    )
    return job_id, letter_id


def effect() -> tuple[object, ...]:
    return query("SELECT state, result, settled_at IS NOT NULL FROM side_effect WHERE effect_key = %s", (KEY,))[0]


def log() -> list[tuple[object, ...]]:
    return query("SELECT operator, verb, target, reason, result FROM operator_action ORDER BY id")


def settle(callboard: Callboard, target: object, outcome: str, *more: str) -> int:
    words = ("dlq", "settle", target, "--effect", KEY, "--as", outcome, "--reason", "asked them", "--operator", "ann")
    return callboard(*words, *more).code


def test_requeue_is_refused_until_the_effect_is_settled(callboard: Callboard, letter: tuple[UUID, UUID]) -> None:
    refused = callboard("dlq", "requeue", letter[1])
    settled = settle(callboard, letter[1], "sent")
    requeued = callboard("dlq", "requeue", letter[1])

    assert (refused.code, settled, requeued.code) == (4, 0, 0)
    assert "unknown_effects" in refused.err
    assert state_of(letter[0]) == "pending"


def test_sent_is_a_confirmation_that_says_who_said_so(callboard: Callboard, letter: tuple[UUID, UUID]) -> None:
    code = settle(callboard, letter[0], "sent")

    assert code == 0
    assert effect() == ("CONFIRMED", {"settled_by": "ann", "reason": "asked them"}, True)
    assert log() == [("ann", "settle", KEY, "asked them", "done")]


def test_not_sent_is_a_failure(callboard: Callboard, letter: tuple[UUID, UUID]) -> None:
    code = settle(callboard, letter[1], "not-sent")

    assert code == 0
    assert effect() == ("FAILED", None, True)


def test_settled_effect_is_not_settled_again(callboard: Callboard, letter: tuple[UUID, UUID]) -> None:
    first, second = settle(callboard, letter[1], "sent"), settle(callboard, letter[1], "not-sent")

    assert (first, second) == (0, 4)
    assert effect()[0] == "CONFIRMED"
    assert [row[-1] for row in log()] == ["done", "refused: not_unknown"]


def test_dry_run_changes_nothing_and_refuses_alike(callboard: Callboard, letter: tuple[UUID, UUID]) -> None:
    would = settle(callboard, letter[1], "sent", "--dry-run")
    left = (effect()[0], log())
    settle(callboard, letter[1], "sent")
    would_not = settle(callboard, letter[1], "sent", "--dry-run")

    assert (would, would_not) == (0, 4)
    assert left == ("UNKNOWN", [])


def test_effect_of_another_job_is_not_found(callboard: Callboard, letter: tuple[UUID, UUID]) -> None:
    _, other = dead_letter()

    code = settle(callboard, other, "sent")

    assert code == 3
    assert effect()[0] == "UNKNOWN"


@pytest.mark.parametrize("missing", ["--effect", "--as", "--reason"])
def test_what_settles_must_be_said(callboard: Callboard, letter: tuple[UUID, UUID], missing: str) -> None:
    options = {"--effect": KEY, "--as": "sent", "--reason": "x"}
    del options[missing]

    ended = callboard("dlq", "settle", letter[1], *(word for pair in options.items() for word in pair))

    assert ended.code == 2


@pytest.mark.parametrize(("outcome", "calls"), [("sent", 0), ("not-sent", 1)])
def test_next_run_sends_only_what_was_not_sent(
    callboard: Callboard, letter: tuple[UUID, UUID], redis_url: str, outcome: str, calls: int
) -> None:
    settle(callboard, letter[1], outcome)
    callboard("dlq", "requeue", letter[1])
    (released,) = release_due("default", 10)
    process = acting_process(broker_on(redis_url))
    held = held_by_process(process, wanted(id=released.job_id), released.release)
    made: list[str] = []

    with acting(process, held):
        answer = once(KEY, made.append, kind="mail")

    assert isinstance(answer, Done)
    assert (len(made), answer.replayed) == (calls, calls == 0)
