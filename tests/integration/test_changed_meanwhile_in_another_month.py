"""Attempts that somebody changes between a statement's snapshot and its lock, while others lie in another month."""

from __future__ import annotations

import threading
from datetime import datetime

import psycopg2

from models.connection import thread_connection
from models.database import query, statement
from tests.ledger_cases import claimed, dispatched, registered

#: Seconds that the statement dwells on each attempt after its snapshot; somebody else commits in between.
_DWELL_S = 0.05


def attempts(count: int) -> list[tuple[int, datetime]]:
    """Run ids and claim times of attempts in hand, every second of them in the next month."""
    holder = registered()
    claims = [claimed(holder, dispatched()) for _ in range(count)]
    query(
        "UPDATE background_function_run SET claimed_at = claimed_at + interval '1 month' WHERE id = ANY(%s)",
        ([claim.run_id for claim in claims[1::2]],),
    )
    return [(run_id, at) for run_id, at in query("SELECT id, claimed_at FROM background_function_run ORDER BY id")]


def test_changed_attempt_is_marked_as_started_whatever_month_it_lies_in(ledger_database: str) -> None:
    runs = attempts(10)
    slow = statement("mark_started").replace("SELECT * FROM unnest", f"SELECT *, pg_sleep({_DWELL_S}) FROM unnest")
    with thread_connection().cursor() as cursor, psycopg2.connect(ledger_database) as other:
        cursor.execute(f"PREPARE marking AS {slow}")
        touching = "UPDATE background_function_run SET host = 'touched' WHERE id = ANY(%s)"
        somebody = threading.Timer(_DWELL_S * 3, _committed, (other, touching, [run_id for run_id, _ in runs]))
        somebody.start()

        cursor.execute("EXECUTE marking (%s, %s, %s)", ([one for one, _ in runs], [at for _, at in runs], [0.5] * 10))
        marked = sorted(run_id for (run_id,) in cursor.fetchall())
        somebody.join()

    assert marked == [run_id for run_id, _ in runs]
    assert query("SELECT count(*) FROM background_function_run WHERE host = 'touched'") == [(10,)]


def _committed(other: psycopg2.extensions.connection, sql: str, run_ids: list[int]) -> None:
    with other.cursor() as cursor:
        cursor.execute(sql, (run_ids,))
    other.commit()
