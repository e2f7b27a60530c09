"""What a worker says while its beats fail: an error once, then a line in a while; and a schema that is behind."""

from __future__ import annotations

import time

import pytest

from middleware.heartbeat import Heartbeat
from middleware.worker_process import WorkerProcess
from models import database as db
from models.database import query
from models.migrate import known_migrations

pytestmark = pytest.mark.usefixtures("ledger_database")


def test_failing_beats_show_their_error_once_and_then_a_line_in_a_while(
    process: WorkerProcess, beating: Heartbeat, ledger_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[bool] = []
    monkeypatch.setattr(
        "middleware.heartbeat.event",
        lambda name, *_, error, **__: lines.append(error.__traceback__ is not None) if name == "beat_failed" else None,
    )
    db.close_connection()
    db.connect("postgresql://nobody@127.0.0.1:1/nowhere")

    waits_s = [beating._beat() for _ in range(40)]
    at_first = list(lines)
    beating._line_due_s = time.monotonic()
    beating._beat()
    db.connect("postgresql://nobody@127.0.0.1:2/nowhere")
    beating._beat()

    db.connect(ledger_database)
    assert set(waits_s) == {0.5}
    assert at_first == [True] + [False] * 9
    assert lines[10:] == [False, True]


def test_schema_that_is_behind_is_named_in_one_line_and_waited_for(
    process: WorkerProcess, beating: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[tuple[str, str]] = []
    monkeypatch.setattr("middleware.heartbeat.event", lambda name, *_, problem="", **__: lines.append((name, problem)))
    query("ALTER TABLE worker RENAME TO worker_of_later")

    waits_s = [beating._beat() for _ in range(20)]
    behind = list(lines)
    query("ALTER TABLE worker_of_later RENAME TO worker")
    beating._beat()

    assert set(waits_s) == {0.5}
    assert {name for name, _ in behind} == {"schema_behind"}
    assert "run `callboard migrate`" in behind[0][1]
    assert len(behind) == 10
    assert process.registered()


def test_worker_that_can_register_on_an_older_schema_says_so(
    process: WorkerProcess, beating: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr("middleware.heartbeat.event", lambda name, *_, **__: lines.append(name))
    monkeypatch.setattr("middleware.heartbeat.missing_migrations", lambda: known_migrations()[-1:])

    beating._beat()

    assert lines == ["worker_registered", "schema_behind"]
    assert process.registered()
