"""What integration tests share: worker processes, a counting mail server, an empty database; dispatches end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import dramatiq
import pytest
import redis
from dramatiq.brokers.stub import StubBroker
from psycopg2 import sql

from actors.broker import setup
from benchmarks.ground import administering
from middleware import enqueuer
from middleware.heartbeat import Heartbeat
from middleware.worker_process import WorkerProcess, attach
from models import database as db
from tests.broker_cases import acting_process, worker_process
from tests.integration.sending_cases import CountingSink, Sender, sink_in_force

_numbers = count(1)


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


@pytest.fixture
def empty_database(environment: dict[str, str]) -> Iterator[str]:
    """`models.database` connected to a database without a table; afterwards to the session's again."""
    usual = environment["CALLBOARD_DATABASE_URL"]
    name = sql.Identifier(f"callboard_empty_{next(_numbers)}")
    with administering(usual) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(name))
    base, _, query = usual.partition("?")
    url = base.rpartition("/")[0] + f"/{name.string}" + (f"?{query}" if query else "")
    db.close_connection()
    db.connect(url)
    yield url
    db.close_connection()
    with administering(usual) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    db.connect(usual)
