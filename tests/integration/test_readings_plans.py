"""No reading scans a table that grows: each has an index to go by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

import pytest

from models.database import atomic, query
from models.readings import actions, attempts, jobs, letters, paging, windows
from models.readings.attempts import AttemptFilter
from models.readings.jobs import JobFilter
from models.readings.letters import LetterFilter
from models.readings.paging import Span
from tests.ledger_cases import claimed, registered

pytestmark = pytest.mark.usefixtures("ledger_database")

NOW = datetime.now(timezone.utc)


READINGS: list[tuple[str, Callable[[], object]]] = [
    ("jobs of a key", lambda: jobs.jobs_of_key(str(uuid4()))),
    ("a family", lambda: jobs.family(str(uuid4()))),
    ("jobs by id", lambda: jobs.find_jobs([uuid4()])),
    ("jobs of a lead message", lambda: jobs.jobs_of_lead_message("m")),
    ("jobs listed by key", lambda: jobs.list_jobs(JobFilter(dispatch_key="k", actor="a"), Span())),
    ("newest jobs", lambda: jobs.list_jobs(JobFilter(), Span(since=NOW))),
    ("attempts of a job", lambda: attempts.attempts_of([_job()])),
    ("newest attempts", lambda: attempts.list_attempts(AttemptFilter(), Span(since=NOW))),
    ("open letters", lambda: letters.list_letters(LetterFilter(), Span())),
    ("letters of any resolution", lambda: letters.list_letters(LetterFilter(resolutions=()), Span())),
    ("letters of jobs", lambda: letters.letters_of([uuid4()])),
    ("latest windows", lambda: windows.list_windows(windows.WindowFilter(), Span())),
    ("last actions", lambda: actions.list_actions(actions.ActionFilter(), Span())),
    ("actions on targets", lambda: actions.actions_on(["t"])),
]


def _job() -> jobs.JobRow:
    holder = registered()
    return jobs.find_jobs([claimed(holder).job_id])[0]


@pytest.mark.parametrize("read", [read for _, read in READINGS], ids=[name for name, _ in READINGS])
def test_reading_needs_no_scan_of_a_whole_table(read: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Sequence[object]]] = []

    def listening(sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        asked.append((sql, params))
        return query(sql, params)

    monkeypatch.setattr(paging, "query", listening)

    read()

    for sql, params in asked:
        with atomic():
            # On tables of a few rows a scan is cheapest; what is asked here is whether there is another way at all.
            query("SET LOCAL enable_seqscan = off")
            plan = "\n".join(row[0] for row in query(f"EXPLAIN {sql}", params))
        assert "Seq Scan" not in plan.replace("Seq Scan on worker", ""), plan
    assert asked
