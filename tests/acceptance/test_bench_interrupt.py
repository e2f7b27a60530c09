"""A benchmark that is interrupted leaves nothing behind: no worker, no server, no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.processes import started_at
from tests.acceptance.waiting import until
from tests.unit.source_tree import ROOT


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that PostgreSQL's account may enter, too."""
    with tempfile.TemporaryDirectory(prefix="cb-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def begun(folder: Path) -> subprocess.Popen[bytes]:
    """A benchmark that would take far longer than this test; it installs nothing."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
    environ = inherited | {"TMPDIR": str(folder), "CALLBOARD_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    command = "growth --rows 0 --rounds 9 --count 20000"
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.main", "bench", *command.split()],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # However the runner of the tests was started: an ignored SIGINT would be inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def descendants(pid: int) -> dict[int, str]:
    """Commands of all processes below that one, by pid."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    found: dict[int, str] = {}
    parents = {pid}
    while parents:
        below = {int(row[0]): row[2] for row in rows if int(row[1]) in parents}
        found |= below
        parents = set(below)
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_benchmark_leaves_nothing_behind(folder: Path, number: signal.Signals, code: int) -> None:
    bench = begun(folder)
    try:
        until(
            lambda: sum("benchmarks.play" in command for command in descendants(bench.pid).values()) >= 2,
            "a worker of the benchmark",
            within_s=60,
        )
        alive = {pid: started_at(pid) for pid in descendants(bench.pid)}
        bench.send_signal(number)
        said = bench.communicate(timeout=60)
    finally:
        bench.kill()

    assert (bench.returncode, said) == (code, (b"", b""))
    assert [pid for pid, began in alive.items() if began is not None and started_at(pid) == began] == []
    assert list(folder.glob("cb-bench-*")) == []
