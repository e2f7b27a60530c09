"""How many rows statements handle, as PostgreSQL counts them: what speed comes down to, on every machine the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2.extensions
import pytest

from models import database


def rows_handled(plan: dict[str, Any]) -> int:
    """Rows that the steps of a plan that has run gave, or looked at in vain."""
    seen = plan["Actual Rows"] + sum(plan.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter"))
    return int(seen * plan["Actual Loops"]) + sum(map(rows_handled, plan.get("Plans", [])))


class Handled:
    """What was counted so far."""

    rows = 0


@contextmanager
def counting_rows() -> Iterator[Handled]:
    """Meanwhile the rows that this process's statements handle are added up. What they write is written once."""
    handled, execute = Handled(), database._rows

    def explained(
        cursor: psycopg2.extensions.cursor, sql: str, params: Sequence[object] | None
    ) -> list[tuple[Any, ...]]:
        if sql.split(maxsplit=1)[0] in ("SELECT", "WITH", "EXECUTE", "INSERT", "UPDATE", "DELETE"):
            cursor.execute("SAVEPOINT before_it_ran" if database.in_transaction() else "BEGIN")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            handled.rows += rows_handled(cursor.fetchall()[0][0][0]["Plan"])
            cursor.execute("ROLLBACK TO before_it_ran" if database.in_transaction() else "ROLLBACK")
        return execute(cursor, sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_rows", explained)
        yield handled
