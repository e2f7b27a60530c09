"""Dead letters and the operators' verbs: what moves, what is refused, and what is written down."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from dramatiq import Message, MessageProxy
from dramatiq.middleware import AgeLimit, SkipMessage

from models.database import query
from models.ledger import effects
from models.ledger.finish import finish
from models.ledger.letters import Operator, RawLetter, discard_letter, put_aside, requeue_letter
from models.ledger.release import release_due
from policy.errors import InvariantRefused, NotFound
from policy.states import DeadReason
from tests.broker_cases import actor_on, broker_on
from tests.ledger_cases import (
    DEDUPE_S,
    claimed,
    death,
    dispatched,
    in_threads,
    job_row,
    other_session,
    registered,
    state_of,
    success,
    when_somebody_waits,
)

pytestmark = pytest.mark.usefixtures("ledger_database")

OPERATOR = Operator("ada", "it works again")


def dead(key: str | None = None) -> tuple[UUID, UUID]:
    """A dead job and its open letter."""
    holder, job = registered(), dispatched(key)
    finish(holder.id, [death(claimed(holder, job))], dedupe_s=DEDUPE_S)
    return job.id, query("SELECT id FROM dead_letter WHERE job_id = %s", (job.id,))[0][0]


def actions() -> list[tuple[str, str, str]]:
    """The operators' log."""
    rows = query("SELECT operator, verb, result FROM operator_action ORDER BY id")
    return [(row[0], row[1], row[2]) for row in rows]


def test_requeue_makes_the_job_pending_with_new_budgets_and_its_key() -> None:
    job_id, letter = dead("k")
    query("UPDATE background_job SET attempts_spent = 5, crashes = 2, throttles = 3, suspect = true")

    resolved = requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    assert (resolved.letter_id, resolved.job_id) == (letter, job_id)
    columns = ("state", "holds_key", "attempts_spent", "crashes", "throttles", "suspect", "requeues", "finished_at")
    assert job_row(job_id, *columns) == ("pending", True, 0, 0, 0, False, 1, None)
    assert query("SELECT resolution, resolved_by, resolved_reason, version FROM dead_letter") == [
        ("REQUEUED", "ada", "it works again", 2)
    ]
    assert actions() == [("ada", "requeue", "done")]


def test_requeued_job_is_released_and_numbers_its_attempts_on() -> None:
    job_id, letter = dead()
    requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    (released,) = release_due("default", 10)

    assert (released.job_id, released.release) == (job_id, 2)
    assert job_row(job_id, "attempts") == (1,)


def test_letter_moves_once_however_many_ask_at_once() -> None:
    job_id, letter = dead()

    def requeue() -> str:
        try:
            requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)
        except InvariantRefused as refused:
            return refused.reason
        return "done"

    answers = in_threads([requeue] * 5)

    assert sorted(answers) == ["done", *["not_open"] * 4]
    assert job_row(job_id, "requeues") == (1,)
    assert sorted(result for _, _, result in actions()) == ["done", *["refused: not_open"] * 4]


def test_letter_whose_key_another_job_holds_is_refused_by_name() -> None:
    job_id, letter = dead("k")
    dispatched("k")

    with pytest.raises(InvariantRefused, match="key_taken"):
        requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    assert state_of(job_id) == "dead"
    assert query("SELECT resolution FROM dead_letter") == [("OPEN",)]
    assert actions() == [("ada", "requeue", "refused: key_taken")]


def test_letter_whose_key_is_held_past_its_period_takes_it_back() -> None:
    job_id, letter = dead("k")
    holder, other = registered(), dispatched("k", dedupe_s=0)
    finish(holder.id, [success(claimed(holder, other))], dedupe_s=DEDUPE_S)

    requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    assert job_row(job_id, "holds_key") == (True,)
    assert job_row(other.id, "holds_key") == (False,)


def test_letter_whose_key_a_succeeded_job_holds_within_its_period_is_refused() -> None:
    job_id, letter = dead("k")
    holder, other = registered(), dispatched("k")
    finish(holder.id, [success(claimed(holder, other))], dedupe_s=DEDUPE_S)

    with pytest.raises(InvariantRefused, match="key_taken"):
        requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    assert state_of(job_id) == "dead"
    assert job_row(other.id, "holds_key") == (True,)


def test_letter_whose_key_is_being_dispatched_at_this_moment_is_refused(ledger_database: str) -> None:
    job_id, letter = dead("k")

    with other_session(ledger_database) as cursor:
        cursor.execute(
            "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, state, run_at,"
            " correlation_id, requested_at)"
            " VALUES (gen_random_uuid(), 'k', now(), 'a', 'default', '', 'pending', now(), '-', now())"
        )
        with (
            when_somebody_waits(ledger_database, cursor.connection.commit),
            pytest.raises(InvariantRefused, match="key_taken"),
        ):
            requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    assert state_of(job_id) == "dead"
    assert query("SELECT resolution FROM dead_letter") == [("OPEN",)]
    assert actions() == [("ada", "requeue", "refused: key_taken")]


def test_refused_requeue_lets_no_expired_key_go_for_nothing() -> None:
    _, letter = dead("k")
    holder, other = registered(), dispatched("k", dedupe_s=0)
    finish(holder.id, [success(claimed(holder, other))], dedupe_s=DEDUPE_S)
    discard_letter(letter, OPERATOR)

    with pytest.raises(InvariantRefused, match="not_open"):
        requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    assert len(actions()) == 2


def test_letter_with_an_unknown_effect_is_refused_until_it_is_settled() -> None:
    job_id, letter = dead()
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, settled_at)"
        " VALUES ('e', 'mail', %s, 'run', 1, 'UNKNOWN', now())",
        (job_id,),
    )

    with pytest.raises(InvariantRefused, match="unknown_effects"):
        requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)
    query("UPDATE side_effect SET state = 'CONFIRMED'")
    requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    assert state_of(job_id) == "pending"


@pytest.mark.parametrize("state", ["running", "succeeded", "queued"])
def test_letter_of_a_job_that_is_not_dead_is_refused(state: str) -> None:
    holder, job = registered(), dispatched()
    claim = claimed(holder, job) if state != "queued" else None
    if claim is not None and state == "succeeded":
        finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)
    query(
        "INSERT INTO dead_letter (id, job_id, queue, payload, reason)"
        " VALUES (gen_random_uuid(), %s, 'default', '', 'terminal')",
        (job.id,),
    )
    letter = query("SELECT id FROM dead_letter")[0][0]

    with pytest.raises(InvariantRefused):
        requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)
    with pytest.raises(InvariantRefused):
        discard_letter(letter, OPERATOR)

    assert state_of(job.id) == state


def test_discard_closes_job_and_letter_for_good() -> None:
    job_id, letter = dead()

    discard_letter(letter, OPERATOR)

    assert state_of(job_id) == "discarded"
    assert query("SELECT resolution, resolved_reason FROM dead_letter") == [("DISCARDED", "it works again")]
    assert actions() == [("ada", "discard", "done")]


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_discard_needs_a_reason(reason: str | None) -> None:
    job_id, letter = dead()

    with pytest.raises(InvariantRefused, match="reason_missing"):
        discard_letter(letter, Operator("ada", reason))

    assert state_of(job_id) == "dead"


def test_unknown_letter_is_not_found() -> None:
    with pytest.raises(NotFound):
        requeue_letter(uuid4(), OPERATOR, dedupe_s=DEDUPE_S)

    assert actions() == []


def test_raw_bytes_are_put_aside_once() -> None:
    raw = RawLetter("default", "r1", b"\xff\x00", DeadReason.UNDECODABLE, "DecodeError", "a\x00b\ud800")

    put_aside([raw])
    put_aside([raw])

    ((data, *letter),) = query("SELECT raw, job_id, reason, error_message, resolution FROM dead_letter")
    assert bytes(data) == b"\xff\x00"
    assert letter == [None, "undecodable", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}", "OPEN"]


def test_error_without_a_text_is_told_by_its_class() -> None:
    put_aside([RawLetter("default", "r1", b"\xff", DeadReason.UNDECODABLE, "EmptyError", "")])

    assert query("SELECT error_message FROM dead_letter") == [("EmptyError",)]


def test_undecodable_letter_can_only_be_discarded() -> None:
    put_aside([RawLetter("default", "r1", b"\xff", DeadReason.UNDECODABLE, "DecodeError", "no")])
    letter = query("SELECT id FROM dead_letter")[0][0]

    with pytest.raises(InvariantRefused, match="undecodable"):
        requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)
    discard_letter(letter, OPERATOR)

    assert query("SELECT resolution FROM dead_letter") == [("DISCARDED",)]


def test_confirmed_effects_do_not_keep_a_letter_from_its_requeue_and_are_replayed() -> None:
    job_id, letter = dead()
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, settled_at, result)"
        " VALUES ('e', 'mail', %s, 'run', 1, 'CONFIRMED', now(), '1')",
        (job_id,),
    )

    requeue_letter(letter, OPERATOR, dedupe_s=DEDUPE_S)

    effect = effects.read("e", job_id=job_id, claim_fence=2)
    assert effect is not None
    assert effect.result == 1


def test_message_past_its_max_age_is_young_again_after_its_requeue(redis_url: str) -> None:
    broker = broker_on(redis_url)
    actor_on(broker, max_age=60_000)
    old = Message("default", "actor", (), {}, {}, "m", 1_000).encode()
    holder, job = registered(), dispatched(payload=old)
    finish(holder.id, [death(claimed(holder, job), death="expired")], dedupe_s=DEDUPE_S)

    requeue_letter(query("SELECT id FROM dead_letter")[0][0], OPERATOR, dedupe_s=DEDUPE_S)

    limit: Callable[[object, object], None] = AgeLimit().before_process_message
    before, after = (MessageProxy(Message.decode(bytes(data))) for data in (old, job_row(job.id, "payload")[0]))
    with pytest.raises(SkipMessage):
        limit(broker, before)
    limit(broker, after)
    assert (before.failed, after.failed) == (True, False)
