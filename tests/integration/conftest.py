"""What tests of sending share: a mail server that counts, and a worker process that sends to it."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
import redis

from actors.broker import setup
from middleware import enqueuer
from middleware.worker_process import attach
from tests.broker_cases import acting_process
from tests.integration.sending_cases import CountingSink, Sender, sink_in_force


@pytest.fixture(autouse=True)
def _dispatched_for_good() -> Iterator[None]:
    """Copies and lines of a test's dispatches are none of the next one's."""
    yield
    assert enqueuer.finish(30)


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
