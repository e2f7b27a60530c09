"""Which answers of PostgreSQL mean "wait" and which mean "no": asked of a real server, code by code."""

from __future__ import annotations

import psycopg2
import pytest

from models.database import query
from models.faults import is_infrastructure
from policy.errors import DispatchContended, LedgerUnavailable, StaleClaim

pytestmark = pytest.mark.usefixtures("ledger_database")


def error_of(sqlstate: str) -> psycopg2.Error:
    """The driver's error for this SQLSTATE, as the server sends it."""
    with pytest.raises(psycopg2.Error) as raised:
        query(f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{sqlstate}'; END $$")
    assert raised.value.pgcode == sqlstate
    return raised.value


@pytest.mark.parametrize(
    "sqlstate",
    [
        pytest.param("53100", id="disk full"),
        pytest.param("53200", id="out of memory"),
        pytest.param("53300", id="too many connections"),
        pytest.param("53400", id="configuration limit exceeded"),
        pytest.param("57014", id="statement timeout"),
        pytest.param("57P01", id="admin shutdown"),
        pytest.param("57P02", id="crash shutdown"),
        pytest.param("57P03", id="cannot connect now"),
        pytest.param("58030", id="input or output error"),
        pytest.param("08006", id="connection failure"),
        pytest.param("40001", id="serialisation failure"),
        pytest.param("40P01", id="deadlock"),
        pytest.param("55P03", id="lock timeout"),
        pytest.param("25006", id="read-only transaction"),
        pytest.param("25P03", id="idle in transaction"),
    ],
)
def test_condition_that_passes_is_waited_for(sqlstate: str) -> None:
    error = error_of(sqlstate)

    waits = is_infrastructure(error)

    assert waits


@pytest.mark.parametrize(
    "sqlstate",
    [
        pytest.param("22021", id="character not in repertoire"),
        pytest.param("22P02", id="invalid text"),
        pytest.param("23505", id="unique violation"),
        pytest.param("23514", id="check violation"),
        pytest.param("42601", id="syntax error"),
        pytest.param("42P01", id="undefined table"),
        pytest.param("54000", id="program limit exceeded"),
        pytest.param("P0001", id="raised by a trigger"),
    ],
)
def test_answer_that_would_be_the_same_again_is_not_waited_for(sqlstate: str) -> None:
    error = error_of(sqlstate)

    waits = is_infrastructure(error)

    assert not waits


def test_refused_connection_is_waited_for() -> None:
    with pytest.raises(psycopg2.Error) as raised:
        psycopg2.connect("postgresql://nobody@127.0.0.1:1/nowhere", connect_timeout=2)

    waits = is_infrastructure(raised.value)

    assert waits


def test_connection_that_breaks_inside_a_result_is_waited_for() -> None:
    broken = psycopg2.DatabaseError("error with status PGRES_TUPLES_OK and no message from the libpq")

    assert is_infrastructure(broken)
    assert not is_infrastructure(psycopg2.DataError("a text with a NUL"))


@pytest.mark.parametrize(
    ("error", "waits"), [(LedgerUnavailable(), True), (DispatchContended(), True), (StaleClaim(), False)]
)
def test_own_errors_say_it_themselves(error: Exception, waits: bool) -> None:
    found = is_infrastructure(error)

    assert found is waits
