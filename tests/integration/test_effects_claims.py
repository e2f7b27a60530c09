"""`once` and the claim it runs under: none, stale, lost or another's, before the call and after it."""

from __future__ import annotations

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware.effects import Done, once
from middleware.worker_process import WorkerProcess
from models.database import atomic, query
from models.ledger import effects as ledger
from models.ledger.dispatch import Wanted
from models.ledger.workers import recover_jobs
from policy.effects import NotFound
from policy.errors import EffectInTransaction, OutcomeUnknown, Reschedule, StaleClaim
from tests.broker_cases import acting, acting_process, held_by_process
from tests.integration.effect_cases import Provider, attempt, cut_off, row
from tests.ledger_cases import dispatched, lose

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that may act."""
    return acting_process(StubBroker())


@pytest.fixture
def job() -> Wanted:
    """A job in the ledger."""
    return dispatched()


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


def test_beat_that_is_overdue_between_intent_and_call_makes_the_job_wait_and_spends_nothing(
    process: WorkerProcess, job: Wanted
) -> None:
    provider = Provider()
    held = held_by_process(process, job)

    def guard() -> None:
        process._beats_s.clear()

    with acting(process, held), pytest.raises(Reschedule):
        once("e", provider, kind="mail", guard=guard)

    assert provider.keys == []
    assert row("state") == ("FAILED",), "nothing was sent, and the next attempt may"


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


def test_worker_that_stops_while_a_beat_is_overdue_opens_nothing(job: Wanted) -> None:
    process = acting_process(StubBroker())
    held = held_by_process(process, job)
    process.stopping.set()
    process.beaten(-(10.0**9))
    provider = Provider()

    with acting(process, held), pytest.raises(Reschedule):
        once("e", provider, kind="mail")

    assert provider.keys == []
