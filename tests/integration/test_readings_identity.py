"""Any id a person may have in hand finds what it names, whole or by its beginning."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from models.database import query
from models.ledger.finish import finish
from models.readings.identity import Kind, identify, uuid_range
from models.readings.letter_facts import letter_facts
from policy.errors import Ambiguous, NotFound
from policy.requeue import requeue_refusal
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, registered

pytestmark = pytest.mark.usefixtures("ledger_database")

JOB = UUID("01a20a20-4003-7bc2-82db-1641ffccdcd2")


def dead_job(**changes: object) -> tuple[UUID, UUID]:
    """A dead job and its open letter."""
    holder = registered()
    job = dispatched(**changes)  # type: ignore[arg-type]
    finish(holder.id, [death(claimed(holder, job))], dedupe_s=DEDUPE_S)
    return job.id, query("SELECT id FROM dead_letter WHERE job_id = %s", (job.id,))[0][0]


def effect(key: str, job_id: UUID, state: str = "CONFIRMED") -> None:
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, settled_at)"
        " VALUES (%s, 'email', %s, 'a:b:1', 1, %s, now())",
        (key, job_id, state),
    )


@pytest.mark.parametrize("text", [str(JOB), "01a20a20", "01A20A20-4003", JOB.hex, "01a2"])
def test_job_is_found_by_its_id_and_by_its_beginning(text: str) -> None:
    dispatched(id=JOB)

    named = identify(text)

    assert (named.kind, named.uuid) == (Kind.JOB, JOB)


@pytest.mark.parametrize("text", ["01a", "01a20a20-4003-7bc2-82db-1641ffccdcd2f", "01a20a2g", "", "%", "01a20a21"])
def test_text_that_begins_no_id_and_is_no_key_names_nothing(text: str) -> None:
    dispatched(id=JOB)

    with pytest.raises(NotFound, match="nothing goes by"):
        identify(text)


def test_beginning_of_two_jobs_is_ambiguous_and_names_them() -> None:
    dispatched(id=JOB)
    other = UUID(int=JOB.int + 1)
    dispatched(id=other)

    with pytest.raises(Ambiguous, match=f"{JOB}.*{other}"):
        identify("01a20a20")


def test_beginning_shared_by_a_job_and_a_letter_is_ambiguous_unless_the_kind_is_known() -> None:
    job_id, letter_id = dead_job()
    query("UPDATE dead_letter SET id = %s WHERE id = %s", (UUID(int=job_id.int ^ 1), letter_id))

    with pytest.raises(Ambiguous):
        identify(str(job_id)[:13])

    assert identify(str(job_id)[:13], frozenset({Kind.JOB})).uuid == job_id


def test_whole_id_is_never_ambiguous_with_its_neighbours() -> None:
    dispatched(id=JOB)
    dispatched(id=UUID(int=JOB.int + 1))

    named = identify(str(JOB))

    assert named.uuid == JOB


def test_keys_name_windows_attempts_dispatches_effects_and_families() -> None:
    holder = registered()
    job = dispatched("reply:7", actor="send:mail", correlation_id="family-7")
    claimed(holder, job)
    effect("effect:7", job.id)
    query(
        "INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,"
        " correlation_id, status, process_dispatch_id, maintenance_dispatch_id)"
        " VALUES ('window:7', 'cron', now(), now(), 60, 'c', 'ENQUEUED', 'p', 'm')"
    )
    texts = ["reply:7", f"send:mail:{job.id}:1", "effect:7", "window:7", "family-7"]

    kinds = [identify(text).kind for text in texts]

    assert kinds == [Kind.DISPATCH_KEY, Kind.ATTEMPT, Kind.EFFECT, Kind.WINDOW, Kind.CORRELATION]


def test_correlation_id_that_is_nobodys_own_id_names_the_family() -> None:
    family = str(uuid4())
    dispatched(correlation_id=family)

    named = identify(family)

    assert named.kind is Kind.CORRELATION


def test_range_of_a_beginning_holds_exactly_the_ids_that_begin_so() -> None:
    bounds = uuid_range("ab-cd")

    assert bounds == (UUID("abcd" + "0" * 28), UUID("abcd" + "f" * 28))


def test_facts_of_a_letter_name_what_the_invariants_ask() -> None:
    job_id, letter_id = dead_job(key="reply:1")

    facts = letter_facts(letter_id)

    assert facts is not None
    assert requeue_refusal(facts) is None
    assert letter_facts(job_id) is None


def test_facts_of_a_letter_tell_of_an_unknown_effect_and_of_a_key_that_another_holds() -> None:
    with_effect, first_letter = dead_job()
    effect("effect:1", with_effect, "UNKNOWN")
    _, second_letter = dead_job(key="reply:1")
    holder = dispatched("reply:1")

    facts = [letter_facts(letter) for letter in (first_letter, second_letter)]

    assert [requeue_refusal(one) for one in facts if one] == ["unknown_effects", "key_taken"]
    assert facts[1] is not None
    assert facts[1].key_held_by_other == holder.id


def test_key_of_a_succeeded_job_past_its_period_forbids_no_requeue() -> None:
    _, letter = dead_job(key="reply:1")
    later = dispatched("reply:1")
    query(
        "UPDATE background_job SET state = 'succeeded', finished_at = now(), key_expires_at = now() - interval '1 s'"
        " WHERE id = %s",
        (later.id,),
    )

    facts = letter_facts(letter)

    assert facts is not None
    assert requeue_refusal(facts) is None
