"""Every branch of `once`, one attempt after another: what is sent, what is stored, what is raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware.effects import Done, Refused, once
from middleware.worker_process import WorkerProcess
from models.database import atomic, query
from models.ledger import effects as ledger
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish
from models.ledger.workers import recover_jobs
from policy.effects import Found, NotFound, Unknown
from policy.errors import EffectInTransaction, OutcomeUnknown, Reschedule, StaleClaim
from policy.states import EffectState
from tests.broker_cases import acting, acting_process, held_by_process
from tests.ledger_cases import DEDUPE_S, dispatched, lose, other_session, retry

pytestmark = pytest.mark.usefixtures("ledger_database")


class Refusing(Exception):
    """What an HTTP client raises for a definite no."""

    status_code = 422


class Cut(Exception):
    """A failure after which nobody knows."""


class Provider:
    """The other side: counts what reached it, fails as it is told."""

    def __init__(self, *answers: object) -> None:
        self.keys: list[str] = []
        self._answers = list(answers)

    def __call__(self, key: str, /) -> Any:
        self.keys.append(key)
        answer = self._answers.pop(0) if self._answers else {"provider_reference": "p1"}
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that may act."""
    return acting_process(StubBroker())


@pytest.fixture
def job() -> Wanted:
    """A job in the ledger."""
    return dispatched()


def attempt(process: WorkerProcess, job: Wanted, call: Callable[[str], Any], **options: Any) -> Done | Refused:
    """One attempt of `job` that carries out the effect "e" and then waits to be run again."""
    query("UPDATE background_job SET state = 'queued', release = 1, released_at = now() WHERE id = %s", (job.id,))
    held = held_by_process(process, job)
    try:
        with acting(process, held):
            return once("e", call, kind="mail", **options)
    finally:
        process.in_hand.remove([held])
        finish(process.holder.id, [retry(held.claim)], dedupe_s=DEDUPE_S)


def cut_off(process: WorkerProcess, job: Wanted, *, idempotent_for_s: float | None = None) -> None:
    """What an attempt leaves whose process died in the midst of the call: the intent, under a claim that is over."""
    held = held_by_process(process, job)
    intent = ledger.Intent("e", "mail", job.id, "run", held.claim.fence, process.holder.id, idempotent_for_s)
    assert isinstance(ledger.intend(intent, seen=None, guard=None), ledger.IntentTaken)
    process.in_hand.remove([held])
    finish(process.holder.id, [retry(held.claim)], dedupe_s=DEDUPE_S)


def age_intent(seconds: float) -> None:
    """Let the intent be older by so much."""
    query(
        "UPDATE side_effect SET intended_at = intended_at - make_interval(secs => %s),"
        " idempotent_until = idempotent_until - make_interval(secs => %s)",
        (seconds, seconds),
    )


def row(*columns: str) -> tuple[Any, ...]:
    """These columns of the effect."""
    return query(f"SELECT {', '.join(columns)} FROM side_effect WHERE effect_key = 'e'")[0]


def test_first_time_is_called_with_the_key_and_confirmed(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()

    done = attempt(process, job, provider)

    assert done == Done({"provider_reference": "p1"}, replayed=False)
    assert provider.keys == ["e"]
    assert row("state", "result", "provider_reference", "job_id", "kind", "intents", "settled_at IS NOT NULL") == (
        "CONFIRMED",
        {"provider_reference": "p1"},
        "p1",
        job.id,
        "mail",
        1,
        True,
    )


def test_intent_is_committed_before_the_call(process: WorkerProcess, job: Wanted) -> None:
    seen: list[Any] = []

    attempt(process, job, lambda _: seen.append(row("state", "settled_at")))

    assert seen == [("INTENDED", None)]


def test_confirmed_effect_is_replayed_and_nothing_is_sent(process: WorkerProcess, job: Wanted) -> None:
    attempt(process, job, Provider({"n": 1}))
    again = Provider()

    done = attempt(process, job, again, guard=lambda: "not asked any more")

    assert done == Done({"n": 1}, replayed=True)
    assert again.keys == []


def test_confirmed_effect_is_replayed_to_another_job(process: WorkerProcess, job: Wanted) -> None:
    attempt(process, job, Provider({"n": 1}))

    done = attempt(process, dispatched(), Provider())

    assert done == Done({"n": 1}, replayed=True)


def test_refusal_of_the_guard_is_stored_and_nothing_is_sent(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()

    answer = attempt(process, job, provider, guard=lambda: "opted_out")

    assert answer == Refused("opted_out")
    assert provider.keys == []
    assert row("state", "refusal", "settled_at IS NOT NULL") == ("REFUSED", "opted_out", True)


def test_refused_effect_asks_its_guard_anew(process: WorkerProcess, job: Wanted) -> None:
    attempt(process, job, Provider(), guard=lambda: "paused")

    still = attempt(process, job, Provider(), guard=lambda: "opted_out")
    then = attempt(process, job, Provider(), guard=lambda: None)

    assert still == Refused("opted_out")
    assert isinstance(then, Done)
    assert row("state", "refusal", "intents") == ("CONFIRMED", None, 3)


def test_guard_is_evaluated_in_the_intents_transaction_behind_the_lock_on_the_job(
    process: WorkerProcess, job: Wanted, ledger_database: str
) -> None:
    seen: list[bool] = []

    def guard() -> None:
        with other_session(ledger_database) as cursor:
            cursor.execute("SELECT count(*) FROM background_job WHERE id = %s", (str(job.id),))
            cursor.execute("SELECT id FROM background_job WHERE id = %s FOR UPDATE SKIP LOCKED", (str(job.id),))
            seen.append(cursor.fetchone() is None)
        query("UPDATE background_job SET source = 'touched by the guard' WHERE id = %s", (job.id,))

    attempt(process, job, Provider(), guard=guard)

    written = query(
        "SELECT job.source FROM background_job AS job JOIN side_effect AS effect ON effect.job_id = job.id"
        " WHERE job.id = %s",
        (job.id,),
    )
    assert seen == [True]
    assert written == [("touched by the guard",)]


def test_guard_that_fails_leaves_no_intent(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()

    def guard() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        attempt(process, job, provider, guard=guard)

    assert provider.keys == []
    assert query("SELECT count(*) FROM side_effect") == [(0,)]


def test_definite_refusal_is_failed_and_may_be_tried_again(process: WorkerProcess, job: Wanted) -> None:
    with pytest.raises(Refusing):
        attempt(process, job, Provider(Refusing()))
    before = row("state", "intents")

    done = attempt(process, job, Provider())

    assert before == ("FAILED", 1)
    assert isinstance(done, Done)
    assert row("state", "intents") == ("CONFIRMED", 2)


def test_failed_effect_is_intended_anew_by_one_only(process: WorkerProcess, job: Wanted) -> None:
    with pytest.raises(Refusing):
        attempt(process, job, Provider(Refusing()))
    seen = ledger.read("e", job_id=job.id, claim_fence=1)
    query("UPDATE side_effect SET intents = 2")
    held = held_by_process(process)
    intent = ledger.Intent("e", "mail", held.claim.job_id, "run", 1, process.holder.id, None)

    answer = ledger.intend(intent, seen=seen, guard=None)

    assert answer == ledger.IntentOvertaken()
    assert row("state") == ("FAILED",)


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


def test_effect_open_under_another_live_claim_makes_the_job_wait(process: WorkerProcess, job: Wanted) -> None:
    other = held_by_process(process)
    provider = Provider()

    def call(_: str) -> str:
        with pytest.raises(Reschedule):
            attempt(process, job, provider, lookup=NotFound, idempotent_for_s=60)
        return "done"

    with acting(process, other):
        done = once("e", call, kind="mail")

    assert done == Done("done", replayed=False)
    assert provider.keys == []


def test_effect_open_under_a_lost_workers_claim_waits_until_that_is_recovered(
    process: WorkerProcess, job: Wanted
) -> None:
    lost = acting_process(StubBroker())
    held = held_by_process(lost)
    ledger.intend(ledger.Intent("e", "mail", held.claim.job_id, "run", 1, lost.holder.id, None), seen=None, guard=None)
    lose(lost.holder)

    with pytest.raises(Reschedule):
        attempt(process, job, Provider())
    recover_jobs(lost.holder.id, crashed=[], suspects=[], max_crashes=3)
    with pytest.raises(OutcomeUnknown):
        attempt(process, job, Provider())


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


def test_effect_inside_an_open_transaction_is_an_error(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()

    with acting(process, held_by_process(process, job)), atomic(), pytest.raises(EffectInTransaction):
        once("e", provider, kind="mail")

    assert provider.keys == []


def test_effect_outside_of_any_claim_is_an_error() -> None:
    provider = Provider()

    with pytest.raises(StaleClaim):
        once("e", provider, kind="mail")

    assert provider.keys == []


def test_stale_claim_opens_nothing(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()
    held = held_by_process(process, job)
    query("UPDATE background_job SET fence = fence + 1 WHERE id = %s", (job.id,))

    with acting(process, held), pytest.raises(StaleClaim):
        once("e", provider, kind="mail")

    assert provider.keys == []
    assert query("SELECT count(*) FROM side_effect") == [(0,)]


def test_worker_that_was_lost_and_has_renewed_opens_nothing_under_its_old_claims(
    process: WorkerProcess, job: Wanted
) -> None:
    provider = Provider()
    held = held_by_process(process, job)
    process.renew()
    process.beaten(10.0**9)

    with acting(process, held), pytest.raises(StaleClaim):
        once("e", provider, kind="mail")

    assert provider.keys == []
    assert query("SELECT count(*) FROM side_effect") == [(0,)]


def test_lease_that_ends_between_intent_and_call_makes_no_call_and_says_so(process: WorkerProcess, job: Wanted) -> None:
    provider = Provider()
    held = held_by_process(process, job)

    def guard() -> None:
        process.renew()

    with acting(process, held), pytest.raises(StaleClaim):
        once("e", provider, kind="mail", guard=guard)

    assert provider.keys == []
    assert row("state") == ("FAILED",)


def test_lease_that_ends_before_a_repeat_leaves_the_effect_open(process: WorkerProcess, job: Wanted) -> None:
    cut_off(process, job, idempotent_for_s=3600)
    query("UPDATE background_job SET state = 'queued', release = 1, released_at = now()")
    held = held_by_process(process, job)

    def guard() -> None:
        process.renew()

    with acting(process, held), pytest.raises(StaleClaim):
        once("e", Provider(), kind="mail", guard=guard, idempotent_for_s=3600)

    assert row("state") == ("INTENDED",)


def test_confirmation_is_taken_although_the_claim_is_over_by_then(process: WorkerProcess, job: Wanted) -> None:
    held = held_by_process(process, job)

    def call(_: str) -> str:
        query("UPDATE background_job SET fence = fence + 1 WHERE id = %s", (job.id,))
        return "sent"

    with acting(process, held):
        done = once("e", call, kind="mail")

    assert done == Done("sent", replayed=False)
    assert row("state", "result") == ("CONFIRMED", "sent")


@pytest.mark.parametrize("settled", ["UNKNOWN", "FAILED", "REFUSED"])
def test_confirmation_is_taken_whatever_was_settled_meanwhile(
    process: WorkerProcess, job: Wanted, settled: str
) -> None:
    held = held_by_process(process, job)

    def call(_: str) -> str:
        query(
            "UPDATE side_effect SET state = %s, settled_at = now(), refusal = CASE WHEN %s = 'REFUSED' THEN 'no' END",
            (settled, settled),
        )
        return "sent"

    with acting(process, held):
        once("e", call, kind="mail")

    assert row("state", "result", "refusal") == ("CONFIRMED", "sent", None)


def test_confirmation_of_an_earlier_intent_leaves_a_later_one_alone(process: WorkerProcess, job: Wanted) -> None:
    held = held_by_process(process, job)

    def call(_: str) -> str:
        query("UPDATE side_effect SET intents = 2")
        return "sent"

    with acting(process, held):
        once("e", call, kind="mail")

    assert row("state", "intents") == ("INTENDED", 2)


@pytest.mark.parametrize(
    "result",
    [
        pytest.param("a\x00b", id="nul"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param(object(), id="not-json"),
        pytest.param("x" * 100_000, id="large"),
        pytest.param(float("inf"), id="infinite"),
    ],
)
def test_any_result_confirms(process: WorkerProcess, job: Wanted, result: object) -> None:
    attempt(process, job, lambda _: result)

    assert row("state", "octet_length(result::text) < 70000") == ("CONFIRMED", True)


def test_result_nested_too_deep_for_the_ledger_confirms_without_it(process: WorkerProcess, job: Wanted) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    query("SET max_stack_depth = '100kB'")

    attempt(process, job, lambda _: deep)

    assert row("state") == ("CONFIRMED",)


def test_worker_that_stops_while_a_beat_is_overdue_opens_nothing(job: Wanted) -> None:
    process = acting_process(StubBroker())
    held = held_by_process(process, job)
    process.stopping.set()
    process.beaten(-(10.0**9))
    provider = Provider()

    with acting(process, held), pytest.raises(Reschedule):
        once("e", provider, kind="mail")

    assert provider.keys == []
