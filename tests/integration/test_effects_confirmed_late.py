"""A call has been made and the ledger is away: the confirmation waits for it; without it the job does not succeed."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import effect_outcomes
from middleware.effects import Done, once
from middleware.in_hand import Held
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger import effects as ledger
from policy.errors import Reschedule
from policy.states import EffectState
from tests.broker_cases import acting, acting_process, held_by_process
from tests.ledger_cases import dispatched


@pytest.fixture
def process(ledger_database: str, monkeypatch: pytest.MonkeyPatch) -> WorkerProcess:
    """A worker process that may act; what it gives its ledger when it stops is over at once."""
    monkeypatch.setattr(effect_outcomes, "CONFIRM_S", 0.0)
    monkeypatch.setattr(effect_outcomes, "CONFIRM_WAIT_S", 0.001)
    return acting_process(StubBroker())


@pytest.fixture
def held(process: WorkerProcess) -> Iterator[Held]:
    """A claim under which effects are opened."""
    held = held_by_process(process, dispatched())
    with acting(process, held):
        yield held


def away_for(monkeypatch: pytest.MonkeyPatch, times: int, process: WorkerProcess, *, stops: bool) -> None:
    """The ledger is away for so many confirmations; the worker is told to stop meanwhile, or not."""
    settle, tried = ledger.settle, iter(range(times))

    def settle_later(key: str, intent: int, state: EffectState, result: str | None) -> EffectState | None:
        if next(tried, None) is not None:
            if stops:
                process.stopping.set()
            raise psycopg2.OperationalError("the server is away")
        return settle(key, intent, state, result)

    monkeypatch.setattr(ledger, "settle", settle_later)


def state() -> str:
    return str(query("SELECT state FROM side_effect")[0][0])


@pytest.mark.usefixtures("held")
def test_confirmation_waits_for_the_ledger_as_long_as_the_worker_runs(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    away_for(monkeypatch, 200, process, stops=False)

    done = once("e", lambda key: "sent", kind="mail")

    assert done == Done("sent", replayed=False)
    assert state() == "CONFIRMED"


@pytest.mark.usefixtures("held")
def test_job_does_not_succeed_beside_an_effect_that_nobody_confirmed(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    away_for(monkeypatch, 1_000_000, process, stops=True)

    with pytest.raises(Reschedule):
        once("e", lambda key: "sent", kind="mail")

    assert state() == "INTENDED", "the next attempt asks the other side, or holds it as UNKNOWN"
