"""`once` after a call of which nobody knows: lookups, the provider's horizon, and what is held."""

from __future__ import annotations

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware.effects import Done, Refused
from middleware.worker_process import WorkerProcess
from models.ledger import effects as ledger
from models.ledger.dispatch import Wanted
from policy.effects import Found, NotFound, Unknown
from policy.errors import OutcomeUnknown, Reschedule
from policy.states import EffectState
from tests.broker_cases import acting_process
from tests.integration.effect_cases import Cut, Provider, Refusing, age_intent, attempt, cut_off, row
from tests.ledger_cases import dispatched

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that may act."""
    return acting_process(StubBroker())


@pytest.fixture
def job() -> Wanted:
    """A job in the ledger."""
    return dispatched()


def test_doubtful_failure_without_lookup_or_idempotency_is_held_as_unknown(process: WorkerProcess, job: Wanted) -> None:
    with pytest.raises(OutcomeUnknown):
        attempt(process, job, Provider(Cut()))
    again = Provider()

    with pytest.raises(OutcomeUnknown):
        attempt(process, job, again)

    assert again.keys == []
    assert row("state") == ("UNKNOWN",)


def test_effect_cut_off_without_lookup_or_idempotency_is_held_as_unknown(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)
    again = Provider()

    with pytest.raises(OutcomeUnknown):
        attempt(process, job, again)

    assert again.keys == []
    assert row("state", "settled_at IS NOT NULL") == ("UNKNOWN", True)


def test_lookup_that_finds_it_confirms_it_and_nothing_is_sent(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)
    again = Provider()

    done = attempt(process, job, again, lookup=lambda: Found({"n": 7}))

    assert done == Done({"n": 7}, replayed=True)
    assert again.keys == []
    assert row("state", "result") == ("CONFIRMED", {"n": 7})


def test_lookup_that_finds_nothing_too_early_proves_nothing(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)
    again = Provider()
    age_intent(process.settings.lease_s)

    with pytest.raises(Reschedule):
        attempt(process, job, again, lookup=NotFound)

    assert again.keys == []
    assert row("state", "intents") == ("INTENDED", 1)


def test_lookup_that_finds_nothing_after_lease_and_call_timeout_allows_the_call(
    process: WorkerProcess, job: Wanted
) -> None:
    cut_off(process, job)
    again = Provider()
    age_intent(2 * process.settings.lease_s + 1)

    done = attempt(process, job, again, lookup=NotFound)

    assert isinstance(done, Done)
    assert again.keys == ["e"]
    assert row("state", "intents") == ("CONFIRMED", 2)


def test_lookup_may_answer_with_the_class_itself(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)
    age_intent(2 * process.settings.lease_s + 1)
    again = Provider()

    done = attempt(process, job, again, lookup=lambda: NotFound)

    assert (done, again.keys) == (Done({"provider_reference": "p1"}, replayed=False), ["e"])
    assert row("state") == ("CONFIRMED",)


def test_lookup_that_finds_nothing_still_asks_the_guard(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)
    again = Provider()
    age_intent(2 * process.settings.lease_s + 1)

    answer = attempt(process, job, again, lookup=NotFound, guard=lambda: "opted_out")

    assert answer == Refused("opted_out")
    assert row("state") == ("REFUSED",)


def test_lookup_that_cannot_say_holds_the_effect(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)
    again = Provider()

    with pytest.raises(OutcomeUnknown):
        attempt(process, job, again, lookup=Unknown)

    assert again.keys == []
    assert row("state") == ("UNKNOWN",)


def test_held_effect_is_settled_by_a_later_lookup(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)
    with pytest.raises(OutcomeUnknown):
        attempt(process, job, Provider(), lookup=Unknown)

    done = attempt(process, job, Provider(), lookup=lambda: Found("late"))

    assert done == Done("late", replayed=True)
    assert row("state") == ("CONFIRMED",)


def test_lookup_that_fails_leaves_the_effect_open(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)

    def lookup() -> Found:
        raise Cut

    with pytest.raises(Cut):
        attempt(process, job, Provider(), lookup=lookup)

    assert row("state") == ("INTENDED",)


def test_repeat_within_the_providers_horizon_uses_the_same_key(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job, idempotent_for_s=3600)
    again = Provider()

    done = attempt(process, job, again, idempotent_for_s=3600)

    assert isinstance(done, Done)
    assert again.keys == ["e"]


def test_repeat_does_not_renew_the_providers_horizon(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job, idempotent_for_s=3600)
    (before,) = row("idempotent_until")

    with pytest.raises(Cut):
        attempt(process, job, Provider(Cut()), idempotent_for_s=3600)

    assert row("state", "idempotent_until", "intents") == ("INTENDED", before, 2)


def test_repeat_past_the_providers_horizon_is_held(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job, idempotent_for_s=3600)
    age_intent(3601)
    again = Provider()

    with pytest.raises(OutcomeUnknown):
        attempt(process, job, again, idempotent_for_s=3600)

    assert again.keys == []
    assert row("state") == ("UNKNOWN",)


def test_intent_made_without_idempotency_is_not_repeated_because_the_code_has_it_now(
    process: WorkerProcess, job: Wanted
) -> None:
    cut_off(process, job)
    again = Provider()

    with pytest.raises(OutcomeUnknown):
        attempt(process, job, again, idempotent_for_s=3600)

    assert again.keys == []


def test_guard_that_forbids_the_repeat_of_what_may_have_happened_does_not_call_it_refused(
    process: WorkerProcess, job: Wanted
) -> None:
    # REFUSED would say that nothing was sent, and a requeue after the horizon would send it twice.
    cut_off(process, job, idempotent_for_s=3600)
    again = Provider()

    with pytest.raises(OutcomeUnknown):
        attempt(process, job, again, idempotent_for_s=3600, guard=lambda: "opted_out")

    assert again.keys == []
    assert row("state", "refusal", "settled_at IS NOT NULL") == ("UNKNOWN", None, True)
    # The call that was cut off may still say how it went.
    assert ledger.settle("e", 1, EffectState.CONFIRMED, '"sent"') is EffectState.UNKNOWN


def test_refusal_of_the_repeat_does_not_prove_that_the_first_call_failed(process: WorkerProcess, job: Wanted) -> None:
    # FAILED would allow a new intent with a new horizon, long after the provider has forgotten our key.
    cut_off(process, job, idempotent_for_s=3600)
    (before,) = row("idempotent_until")

    with pytest.raises(Refusing):
        attempt(process, job, Provider(Refusing()), idempotent_for_s=3600)

    assert row("state", "idempotent_until") == ("INTENDED", before)


def test_refusal_after_a_lookup_that_found_nothing_is_failed(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job)
    age_intent(2 * process.settings.lease_s + 1)

    with pytest.raises(Refusing):
        attempt(process, job, Provider(Refusing()), lookup=NotFound)

    assert row("state") == ("FAILED",)


def test_doubtful_failure_with_a_lookup_stays_open_and_raises_what_the_call_raised(
    process: WorkerProcess, job: Wanted
) -> None:
    with pytest.raises(Cut):
        attempt(process, job, Provider(Cut()), lookup=NotFound)

    assert row("state") == ("INTENDED",)


def test_call_that_says_unknown_with_a_lookup_is_asked_for_later(process: WorkerProcess, job: Wanted) -> None:
    with pytest.raises(Reschedule):
        attempt(process, job, Provider(OutcomeUnknown("gateway")), lookup=NotFound)

    assert row("state") == ("INTENDED",)
