"""`dlq apply` as a process: killed or stopped at any point, it goes on where it stood and does nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.crash_points import ARMED, FOLDER
from models.database import query
from tests.command_cases import dead_letter
from tests.ledger_cases import until
from tests.unit.source_tree import ROOT

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

LETTERS = 40


@pytest.fixture
def plan(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A plan to requeue forty letters."""
    for _ in range(LETTERS):
        dead_letter()
    path = tmp_path / "night.json"
    assert ended(environment, "dlq", "plan", "requeue", "--out", str(path))[0] == 0
    return path


def started(environ: dict[str, str], *words: str) -> subprocess.Popen[str]:
    """A command of its own process; its standard output is kept."""
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.main", *words], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    )


def ended(environ: dict[str, str], *words: str) -> tuple[int, str]:
    process = started(environ, *words)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def done() -> int:
    return int(query("SELECT count(*) FROM operator_action WHERE result = 'done'")[0][0])


def at_least(count: int) -> Callable[[], bool]:
    return lambda: done() >= count


def assert_each_was_done_once() -> None:
    assert query("SELECT count(*), count(DISTINCT target) FROM operator_action WHERE result = 'done'") == [
        (LETTERS, LETTERS)
    ]
    assert query("SELECT DISTINCT requeues, state FROM background_job") == [(1, "pending")]
    assert query("SELECT DISTINCT resolution FROM dead_letter") == [("REQUEUED",)]


def test_killed_twice_under_way_it_goes_on_where_it_stood(plan: Path, environment: dict[str, str]) -> None:
    for count in (5, 15):
        process = started(environment, "dlq", "apply", str(plan), "--rate", "20/s")
        until(at_least(count), f"{count} letters done")
        process.kill()
        process.communicate(timeout=10)

    code, said = ended(environment, "dlq", "apply", str(plan), "--json")

    told = json.loads(said)
    assert code == 0
    assert told["done_before"] >= 15
    assert told["moved"] + told["done_before"] == LETTERS
    assert_each_was_done_once()


@pytest.mark.parametrize("point", ["requeue.before_commit", "requeue.after_commit"])
def test_killed_at_a_commit_nothing_is_half_done(
    plan: Path, environment: dict[str, str], tmp_path: Path, point: str
) -> None:
    armed = {**environment, ARMED: f"{point}=kill", FOLDER: str(tmp_path)}

    killed, _ = ended(armed, "dlq", "apply", str(plan))
    left = done()
    code, _ = ended(environment, "dlq", "apply", str(plan))

    assert killed == -signal.SIGKILL
    assert left == (0 if point == "requeue.before_commit" else LETTERS)
    assert code == 0
    assert_each_was_done_once()


def test_stopped_by_ctrl_c_it_ends_with_130_and_can_be_resumed(plan: Path, environment: dict[str, str]) -> None:
    process = started(environment, "dlq", "apply", str(plan), "--rate", "10/s")
    until(at_least(3), "three letters done")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    code, _ = ended(environment, "dlq", "apply", str(plan))

    assert process.returncode == 130
    assert code == 0
    assert_each_was_done_once()
