"""A call that goes through after a newer intent has replaced its own is how an effect happens twice: it is seen."""

from __future__ import annotations

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware.worker_process import WorkerProcess
from models.database import query
from models.readings import gauges
from models.readings.invariants import Extent, breaches
from policy.errors import Reschedule
from policy.invariants import Invariant
from tests.broker_cases import acting_process
from tests.integration.effect_cases import attempt
from tests.ledger_cases import dispatched

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that may act."""
    return acting_process(StubBroker())


def overtake(_key: str) -> dict[str, str]:
    """A call in whose midst another attempt opens an intent of its own, because this one was held for dead."""
    query("UPDATE side_effect SET intents = intents + 1")
    return {"provider_reference": "late"}


def test_call_that_a_newer_intent_has_overtaken_is_counted_and_told(process: WorkerProcess) -> None:
    before = gauges.effects_amiss()

    attempt(process, dispatched(), overtake)

    assert before == (0, 0)
    assert gauges.effects_amiss() == (0, 1)
    told = [one for one in breaches(Extent(), client_max=64) if one.invariant is Invariant.EFFECT_HAPPENS_ONCE]
    assert [one.subject for one in told] == ["e"]


def test_repeat_that_the_other_side_knows_by_its_key_is_no_duplicate(process: WorkerProcess) -> None:
    attempt(process, dispatched(), overtake, idempotent_for_s=600)

    assert gauges.effects_amiss() == (0, 0)


def test_duplicate_rings_for_a_day(process: WorkerProcess) -> None:
    attempt(process, dispatched(), overtake)

    query("UPDATE side_effect SET overtaken_at = overtaken_at - interval '25 hours'")

    assert gauges.effects_amiss() == (0, 0)


def test_call_that_failed_after_it_was_overtaken_did_not_happen(process: WorkerProcess) -> None:
    class Refused(Exception):
        status_code = 422

    def fail(_key: str) -> None:
        query("UPDATE side_effect SET intents = intents + 1")
        raise Refused

    with pytest.raises((Refused, Reschedule)):
        attempt(process, dispatched(), fail)

    assert gauges.effects_amiss() == (0, 0)
