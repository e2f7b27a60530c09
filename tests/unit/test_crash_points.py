"""Crash points: inert unless armed, each acts once; the code names every point, and no other."""

from __future__ import annotations

import ast
import os
import signal
import threading
from pathlib import Path

import psycopg2
import pytest

from models import crash_points
from models.crash_points import POINTS, Action, Armed, CrashPointReached, crash_point, parse
from tests.unit.source_tree import modules


def named_in_code() -> list[str]:
    """The argument of every call of `crash_point` in the project's packages."""
    return [
        node.args[0].value
        for module in modules()
        if module.package in {"models", "middleware", "actors"}
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "crash_point"
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    ]


def test_unarmed_point_is_a_function_that_does_nothing() -> None:
    assert crash_point is crash_points._inert
    crash_point("claim.after_commit")


def test_every_point_is_in_the_code_and_the_code_names_no_other() -> None:
    named = set(named_in_code())

    assert named == set(POINTS)


@pytest.mark.parametrize(
    ("text", "armed"),
    [
        ("", {}),
        ("claim.after_commit=kill", {"claim.after_commit": Action.KILL}),
        ("ack.after=pause, claim.after_commit", {"ack.after": Action.PAUSE, "claim.after_commit": Action.NOTE}),
    ],
)
def test_armed_points_are_read(text: str, armed: dict[str, Action]) -> None:
    assert parse(text) == armed


@pytest.mark.parametrize("text", ["claim.afterwards=kill", "claim.after_commit=explode"])
def test_unknown_point_or_action_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"claim.afterwards|explode"):
        parse(text)


def test_point_acts_once_for_all_processes_of_a_folder(tmp_path: Path) -> None:
    first, successor = (Armed({"ack.after": Action.RAISE}, tmp_path) for _ in range(2))

    with pytest.raises(CrashPointReached):
        first("ack.after")
    first("ack.after")
    successor("ack.after")

    assert (tmp_path / "ack.after.reached").exists()


def test_broken_connection_is_the_drivers_error(tmp_path: Path) -> None:
    armed = Armed({"claim.after_commit": Action.BREAK}, tmp_path)

    with pytest.raises(psycopg2.OperationalError):
        armed("claim.after_commit")


def test_killed_process_is_gone(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        Armed({"ack.after": Action.KILL}, tmp_path)("ack.after")
        os._exit(0)

    _, status = os.waitpid(child, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL


def test_paused_thread_goes_on_when_it_is_told(tmp_path: Path) -> None:
    armed = Armed({"ack.after": Action.PAUSE}, tmp_path)
    thread = threading.Thread(target=armed, args=("ack.after",))

    thread.start()
    thread.join(0.1)
    held = thread.is_alive()
    (tmp_path / "ack.after.go").touch()
    thread.join(10)

    assert held
    assert not thread.is_alive()


def test_other_points_are_not_disturbed(tmp_path: Path) -> None:
    armed = Armed({"ack.after": Action.RAISE}, tmp_path)

    armed("claim.after_commit")

    assert list(tmp_path.iterdir()) == []
