"""Maintenance makes the invariant check every window: its counts in the result, an error line for each breach."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from dramatiq.brokers.stub import StubBroker

from middleware import invariant_check
from middleware.invariant_check import looked_at
from middleware.redis_broker import LedgerRedisBroker
from middleware.redis_broker import redis_client as client_of
from models.database import query
from models.ledger.finish import finish
from tests.broker_cases import acting_process
from tests.ledger_cases import DEDUPE_S, claimed, death, registered

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events written."""
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(
        invariant_check, "event", lambda name, level="INFO", **fields: written.append({"event": name, **fields})
    )
    return written


def dead_without_letter() -> str:
    holder = registered()
    claim = claimed(holder)
    finish(holder.id, [death(claim)], dedupe_s=DEDUPE_S)
    query("DELETE FROM dead_letter")
    return str(claim.job_id)


def test_each_breach_is_an_error_line(lines: list[dict[str, Any]], redis_client: redis.Redis, redis_url: str) -> None:
    job_id = dead_without_letter()
    process = acting_process(LedgerRedisBroker(client=client_of(redis_url), middleware=[]))

    answer = looked_at(process)

    assert answer == {"breaches": 1, "unchecked": None}
    assert [(line["event"], line["invariant"], line["subject"]) for line in lines] == [
        ("invariant_broken", "dead-has-letter", job_id)
    ]


def test_on_a_foreign_broker_rows_alone_are_looked_at(lines: list[dict[str, Any]]) -> None:
    dead_without_letter()

    answer = looked_at(acting_process(StubBroker()))

    assert answer["breaches"] == 1
    assert "not ours" in str(answer["unchecked"])
