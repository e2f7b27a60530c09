"""Array literals mean to PostgreSQL what the list meant to Python, whatever stands in it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.arrays import array_literal, uuid_array
from models.database import query

pytestmark = pytest.mark.usefixtures("ledger_database")

MOMENT = datetime(2026, 2, 17, 21, 52, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
SOME_ID = UUID("0190f3a0-0000-7000-8000-000000000001")

#: Any text that a row can hold: no NUL, no lone surrogate.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@pytest.mark.parametrize(
    ("sql_type", "values"),
    [
        pytest.param("text", [], id="none"),
        pytest.param("text", ["a", None, "null", "NULL", "", " ", "{x,y}", ","], id="texts like syntax"),
        pytest.param("text", ['"', "\\", "\\n", "\n", "\t\r\b\f", "\x01\x1f\x7f", "'", "%s", "$1"], id="escapes"),
        pytest.param("text", ["é", "שלום", "🎭", "\u2028"], id="other scripts"),
        pytest.param("int8", [0, -1, 2**63 - 1, None], id="whole numbers"),
        pytest.param("float8", [0.0, 1.5e-9, -2.25, None], id="fractions"),
        pytest.param("bool", [True, False, None], id="truth"),
        pytest.param("timestamptz", [MOMENT, None], id="times"),
        pytest.param("uuid", [SOME_ID, None], id="ids"),
    ],
)
def test_list_comes_back_as_it_went(sql_type: str, values: list[Any]) -> None:
    assert query(f"SELECT %s::{sql_type}[]", (array_literal(values),))[0][0] == values


def test_bytes_come_back_as_they_went() -> None:
    values = [b"", bytes(range(256)), memoryview(b"\\x00"), None]

    came = query("SELECT %s::bytea[]", (array_literal(values),))[0][0]

    assert [None if one is None else bytes(one) for one in came] == [b"", bytes(range(256)), b"\\x00", None]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | texts, max_size=5))
def test_any_texts_come_back_as_they_went(values: list[str | None]) -> None:
    assert query("SELECT %s::text[]", (array_literal(values),))[0][0] == values


@pytest.mark.parametrize("value", ["\ud800", 2**70, object()], ids=["lone surrogate", "70 bits", "no value of SQL's"])
def test_what_no_array_can_hold_is_an_error_of_the_data(value: object) -> None:
    with pytest.raises(psycopg2.DataError):
        array_literal([value])


def test_ids_alone_need_no_quotes() -> None:
    ids = [uuid4(), uuid4()]

    assert query("SELECT %s::uuid[]", (uuid_array(ids),))[0][0] == ids
