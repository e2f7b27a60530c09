"""Other programs, as the tests of the servers run and watch them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from models import servers_file
from servers import place
from servers.own_modules import environ_for_own_modules
from servers.processes import Account, started_at

#: Everything of the servers is gone, or there, within this many seconds; usually in less than one.
WITHIN_S = 30.0

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

#: The console script, also where it is not installed.
CALLBOARD = """
import sys
from scripts import main
main.COMMANDS.update(up="", down="")
sys.exit(main.main())
"""


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {what}"
        time.sleep(0.01)


def query(url: str, statement: str) -> Any:
    """The first column of the first row, None without rows; committed."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return row and row[0]


def program(
    source: str, home: Path, *arguments: str, prefix: Sequence[str] = (), **options: Any
) -> subprocess.Popen[str]:
    """Start a Python program for `home`; no setting of the tests' own environment reaches it."""
    inherited = {name: value for name, value in environ_for_own_modules().items() if not name.startswith("CALLBOARD_")}
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", source, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=inherited | {"CALLBOARD_HOME": str(home)} | options.pop("environ", {}),
        **options,
    )


def callboard(home: Path, *arguments: str, **options: Any) -> tuple[int, str, str]:
    with program(CALLBOARD, home, *arguments, **options) as command:
        said, complained = command.communicate(timeout=60)
        return command.returncode, said, complained


@contextmanager
def sleeping(account: Account | None = None) -> Iterator[int]:
    """The pid of a process that does nothing, and is gone after the block."""
    with subprocess.Popen(["sleep", "600"], user=account.uid if account else None) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def as_nobody() -> list[str]:
    """Runs a command under the unprivileged account, without any right of root's to write.

    Where that account could not even reach the interpreter (below /root), it may read everything.
    """
    account = place.unprivileged()
    command = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    if not place.reaches(account, Path(sys.executable)):
        command += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    if subprocess.run([*command, sys.executable, "-c", ""], check=False).returncode != 0:
        pytest.skip("root may not run this interpreter as another user here")
    return command


def told_of(home: Path) -> dict[str, Any]:
    told = servers_file.load(home)
    assert told is not None, "servers run"
    return told


def all_pids(told: dict[str, Any]) -> list[int]:
    return [told["supervisor_pid"], *told["pids"].values()]


def gone(pids: list[int]) -> bool:
    return all(started_at(pid) is None for pid in pids)


def pids_noted(home: Path) -> list[int]:
    return [int(file.read_text().split()[0]) for file in (home / "run").glob("*.pid")]
