"""What a finish stores: any result and any error text that an actor can come up with."""

from __future__ import annotations

import json

import psycopg2
import pytest

from middleware.envelopes import json_text
from middleware.outcomes import failure_of
from models.ledger.finish import finish
from tests.ledger_cases import (
    DEDUPE_S,
    claimed,
    death,
    dispatched,
    job_row,
    registered,
    state_of,
    success,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\x00b", id="nul"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param({"k\x00": ["\udfff"]}, id="nested"),
        pytest.param("literal \\u0000 and \\ud800", id="escapes-that-are-text"),
        pytest.param("\N{GRINNING FACE}", id="pair"),
        pytest.param(float("nan"), id="nan"),
        pytest.param(10**400, id="great-number"),
        pytest.param(object(), id="not-json"),
        pytest.param({(1, 2): 3}, id="keys-that-are-not-text"),
    ],
)
def test_any_result_can_be_stored(value: object) -> None:
    holder, job = registered(), dispatched()

    finish(holder.id, [success(claimed(holder, job), result=json_text(value))], dedupe_s=DEDUPE_S)

    assert state_of(job.id) == "succeeded"
    assert job_row(job.id, "result IS NOT NULL") == (True,)


def test_storable_result_is_stored_as_it_is() -> None:
    holder, job = registered(), dispatched()
    value = {"a": [1, 2.5, None, True, "é\N{GRINNING FACE}", "literal \\u0000"]}

    finish(holder.id, [success(claimed(holder, job), result=json_text(value))], dedupe_s=DEDUPE_S)

    assert job_row(job.id, "result") == (json.loads(json.dumps(value)),)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800x", "é" * 100_000])
def test_any_error_text_can_be_stored(text: str) -> None:
    holder, job = registered(), dispatched()

    failure = failure_of(ValueError(text))
    finish(holder.id, [death(claimed(holder, job), failure=failure)], dedupe_s=DEDUPE_S)

    assert state_of(job.id) == "dead"
    (length,) = job_row(job.id, "octet_length(last_error)")
    assert 0 < length <= 2_000


def test_result_that_postgres_refuses_moves_nothing_of_its_batch() -> None:
    holder, good, bad = registered(), dispatched(), dispatched()
    batch = [success(claimed(holder, good)), success(claimed(holder, bad), result="{")]

    with pytest.raises(psycopg2.Error):
        finish(holder.id, batch, dedupe_s=DEDUPE_S)

    assert (state_of(good.id), state_of(bad.id)) == ("running", "running")
