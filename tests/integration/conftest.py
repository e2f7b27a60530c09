"""What integration tests share: worker processes, a mail server that counts, dispatches that end with their test."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
import redis
from dramatiq.brokers.stub import StubBroker

from actors.broker import setup
from middleware import enqueuer
from middleware.heartbeat import Heartbeat
from middleware.worker_process import WorkerProcess, attach
from tests.broker_cases import acting_process, worker_process
from tests.integration.sending_cases import CountingSink, Sender, sink_in_force


@pytest.fixture(autouse=True)
def _dispatched_for_good() -> Iterator[None]:
    """Copies and lines of a test's dispatches are none of the next one's."""
    yield
    assert enqueuer.finish(30)


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that has not beaten yet; modules whose tests need more of one have their own."""
    return worker_process(StubBroker())


@pytest.fixture
def beating(process: WorkerProcess) -> Heartbeat:
    """Its heartbeat, beaten by hand."""
    return Heartbeat(process)


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch, ledger_database: str) -> Iterator[CountingSink]:
    """The mail server that this process's settings name."""
    with sink_in_force(monkeypatch) as sink:
        yield sink


@pytest.fixture
def sender(sink: CountingSink, redis_client: redis.Redis) -> Iterator[Sender]:
    """Sends drafts to the sink under real claims."""
    former = dramatiq.broker.global_broker
    broker = setup()
    dramatiq.broker.global_broker = former
    yield Sender(acting_process(broker))
    attach(broker, None)
