"""What a dispatch is given: refused by name where it cannot be meant, scrubbed where no row would take it."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any, cast
from uuid import UUID

import pytest

from actors.dispatch import dispatch
from middleware.correlation import Correlation
from middleware.redis_broker import LedgerRedisBroker
from models.database import query
from tests.broker_cases import actor_on, broker_on, done
from tests.ledger_cases import job_row

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def broker(redis_url: str) -> LedgerRedisBroker:
    """Our broker on the session's Redis."""
    return broker_on(redis_url, Correlation())


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("a\x00b", id="nul"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param("é" * 257, id="too-long"),
    ],
)
def test_impossible_dispatch_key_is_refused_before_anything_is_written(broker: LedgerRedisBroker, key: str) -> None:
    with pytest.raises(ValueError, match="dispatch key"):
        dispatch(actor_on(broker), dispatch_key=key)

    assert query("SELECT count(*) FROM background_job") == [(0,)]


def test_naive_run_at_is_refused(broker: LedgerRedisBroker) -> None:
    with pytest.raises(ValueError, match="aware"):
        dispatch(actor_on(broker), run_at=datetime(2030, 1, 1))  # noqa: DTZ001  # that is the mistake


def test_arguments_that_cannot_be_encoded_are_refused(broker: LedgerRedisBroker) -> None:
    with pytest.raises(TypeError, match="cannot be encoded"):
        dispatch(actor_on(broker), object())


@pytest.mark.parametrize("client_id", ["a\x00b", "\ud800", "x" * 5000])
def test_client_id_that_no_row_takes_is_scrubbed(broker: LedgerRedisBroker, client_id: str) -> None:
    answer = done(dispatch(actor_on(broker), client_id=client_id))

    (stored,) = job_row(UUID(answer.job_id), "client_id")
    assert 0 < len(stored) <= 512


@pytest.mark.parametrize("correlation_id", ["a\x00b", "\ud800", "x" * 5000])
def test_correlation_id_that_no_row_takes_is_scrubbed(broker: LedgerRedisBroker, correlation_id: str) -> None:
    answer = done(dispatch(actor_on(broker), correlation_id=correlation_id))

    (stored,) = job_row(UUID(answer.job_id), "correlation_id")
    assert 0 < len(stored) <= 512
    assert answer.correlation_id == stored


@pytest.mark.parametrize("delay_ms", [math.inf, -math.inf, math.nan])
def test_delay_that_is_no_number_is_refused(broker: LedgerRedisBroker, delay_ms: Any) -> None:
    with pytest.raises(ValueError, match="delay_ms must be a number of milliseconds"):
        dispatch(actor_on(broker), delay_ms=delay_ms)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"run_at": "2026-01-01"}, "run_at must be a datetime, not str"),
        ({"dispatch_key": 5}, "a dispatch key must be a str, not int"),
    ],
)
def test_value_of_another_kind_is_named(broker: LedgerRedisBroker, options: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        dispatch(actor_on(broker), **options)


def test_dispatch_of_what_is_no_actor_is_named() -> None:
    with pytest.raises(TypeError, match="dispatch takes an actor, not str"):
        dispatch(cast(Any, "ok"))


def test_two_times_for_one_job_are_refused(broker: LedgerRedisBroker) -> None:
    with pytest.raises(ValueError, match="give one of them"):
        dispatch(actor_on(broker), run_at=datetime.now(timezone.utc), delay_ms=0)


class Pendulum(datetime):
    """A library's own kind of time."""


def test_time_of_a_librarys_own_kind_is_taken(broker: LedgerRedisBroker) -> None:
    run_at = Pendulum(2030, 1, 1, 12, 0, 0, 5, tzinfo=timezone.utc)

    job_id = dispatch(actor_on(broker), run_at=run_at).job_id

    assert query("SELECT run_at FROM background_job WHERE id = %s", (job_id,)) == [(run_at,)]
