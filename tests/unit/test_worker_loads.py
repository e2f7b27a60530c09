"""What a worker process has loaded once it is set up, and that the rest can be loaded (docs/decisions/0068)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.unit.source_tree import ROOT

#: Loaded by the first job, fork or setting that needs them: packages, each with all below it, and single modules.
LATER: Final = (
    # of the replies
    *("messaging", "actors.inbound", "actors.auto_send", "actors.scoring", "actors.conversations"),
    *("openai", "pydantic", "httpcore2", "quotequail", "smtplib", "html.parser", "email.headerregistry"),
    # of the two functions of a window
    *("actors.background", "middleware.invariant_check", "middleware.dead_queue_sync", "models.ledger.retention"),
    # of the pages beside the workers
    *("h11", "middleware.health_server", "middleware.metrics_server", "middleware.ledger_gauges"),
    # of operators' readings
    *("models.tables", "models.readings.jobs", "models.readings.story"),
    # of a named collector
    *("opentelemetry.sdk.trace", "opentelemetry.exporter"),
    # of the commands
    *("scripts", "servers"),
)
_SET_UP: Final = "from actors.broker import setup; import middleware.boot; setup();"


def in_a_process_set_up(statements: str, home: Path) -> str:
    """What the statements print in a process set up as Dramatiq sets a worker process up; it connects to nothing."""
    environ = {
        "CALLBOARD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "CALLBOARD_REDIS_URL": "redis://127.0.0.1:1/0",
        "CALLBOARD_HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", f"{_SET_UP} {statements}"]
    return subprocess.run(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_worker_loads_the_actors_and_nothing_that_only_some_jobs_need(tmp_path: Path) -> None:
    loaded = in_a_process_set_up("import sys; print(*sys.modules)", tmp_path).split()

    too_early = [name for name in loaded if any(name == later or name.startswith(f"{later}.") for later in LATER)]

    assert "actors.families" in loaded
    assert too_early == []


def test_what_is_loaded_later_is_there(tmp_path: Path) -> None:
    """A module that has moved would be missed by the test above, and missing at its first job only."""
    ours = [name for name in LATER if (ROOT / name.partition(".")[0]).is_dir()]

    said = in_a_process_set_up(f"import {', '.join(ours)}; print('there')", tmp_path)

    assert said.strip() == "there"


def test_each_actor_imports_what_it_does_when_it_runs() -> None:
    found = imported_when_run(ROOT / "actors" / "families.py")

    assert set(found) == {
        *("actors.inbound", "actors.auto_send", "actors.scoring", "actors.conversations", "actors.background")
    }


def imported_when_run(path: Path) -> list[str]:
    """The modules that a file's functions import."""
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return [
        node.module
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and node.module is not None
    ]
