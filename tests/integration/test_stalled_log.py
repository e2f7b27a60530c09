"""A reader of standard error that stalls, in real processes: work goes on, the last lines are kept, losses are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

#: Writes far more than a pipe takes, says on stdout that it is through, and ends in its way.
PROGRAM = """
import multiprocessing, os, sys
from middleware import logs
def work():
    logs.configure(level="INFO", format="json")
    for number in range(3000):
        logs.event("numbered", number=number, padding="x" * 100)
    print("through", flush=True)
    sys.stdin.read(1)
    logs.event("last_words")
    {end}
{start}
"""
START = {
    "by itself": "work()",
    "as a child of multiprocessing": (
        "child = multiprocessing.get_context('fork').Process(target=work); child.start(); child.join();"
        " os._exit(child.exitcode)"
    ),
}


def started(tmp_path: Path, start: str, end: str = "pass") -> subprocess.Popen[str]:
    code = PROGRAM.format(start=start, end=end)
    environ = {**os.environ, "CALLBOARD_HOME": str(tmp_path), "PYTHONPATH": os.getcwd()}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, env=environ, text=True, bufsize=1
    )


def through(process: subprocess.Popen[str]) -> None:
    """All lines were logged, although nobody has read one of them."""
    assert process.stdout is not None
    assert process.stdout.readline() == "through\n"


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_work_goes_on_and_all_lines_arrive_in_order_once_the_reader_does(tmp_path: Path) -> None:
    with started(tmp_path, START["by itself"]) as process:
        through(process)
        _, errors = process.communicate("x", timeout=60)

    numbers = [line["number"] for line in parsed(errors) if line["event"] == "numbered"]
    assert numbers == list(range(3000))
    assert parsed(errors)[-1]["event"] == "last_words"
    assert process.returncode == 0


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("sys.exit(3)", 3)])
def test_process_that_ends_under_a_stalled_reader_leaves_its_last_lines_in_a_file(
    tmp_path: Path, start: str, end: str, code: int
) -> None:
    with started(tmp_path, START[start], end) as process:
        through(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
        assert process.stderr is not None
        errors = process.stderr.read()

    (left,) = tmp_path.glob("run/unwritten-*.log")
    kept = parsed(left.read_text(encoding="utf-8"))
    # The piece that the thread had in hand may be torn: two lines at most.
    lines = [line for line in errors.splitlines() if line.startswith("{") and line.endswith("}")]
    events = [line["event"] for line in [*map(json.loads, lines), *kept]]
    assert process.returncode == code
    assert kept[-1]["event"] == "last_words"
    assert events.count("numbered") >= 2_998
