"""However their owner or supervisor dies, no server outlives them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from models import servers_file
from servers import embedded, ports
from tests.integration.servers.programs import (
    CALLBOARD,
    WITHIN_S,
    all_pids,
    callboard,
    gone,
    pids_noted,
    program,
    query,
    told_of,
    wait_until,
)

OWN = """
import os, sys, time
from pathlib import Path
from servers import embedded
with embedded.running(Path(sys.argv[1]), durable=False) as servers:
    print("ready", flush=True)
    time.sleep(600)
"""

OWN_AND_FORK = OWN.replace('print("ready"', 'child = os.fork() or time.sleep(600)\n    print(f"ready {child}"')


@pytest.mark.parametrize("source", [OWN, OWN_AND_FORK], ids=["alone", "with a forked child that lives on"])
def test_servers_of_a_killed_owner_are_gone(used_home: Path, source: str) -> None:
    with program(source, used_home, str(used_home)) as owner:
        assert owner.stdout is not None
        said = owner.stdout.readline().split()
        assert said[0] == "ready"
        told = told_of(used_home)
        owner.kill()

        try:
            wait_until(lambda: gone(all_pids(told)), "supervisor and servers gone")
        finally:
            for child in said[1:]:
                os.kill(int(child), signal.SIGKILL)
    assert not (used_home / "servers.json").exists()
    assert all(ports.is_free(port) for port in json.loads((used_home / "kept.json").read_text())["ports"].values())


def test_servers_of_a_killed_supervisor_are_gone_and_start_anew(used_home: Path) -> None:
    callboard(used_home, "up")
    told = told_of(used_home)
    query(told["database_url"], "CREATE TABLE kept ()")

    os.kill(told["supervisor_pid"], signal.SIGKILL)

    wait_until(lambda: gone(all_pids(told)), "supervisor and servers gone")
    assert servers_file.read(used_home) is None
    with embedded.running(used_home) as again:
        assert query(again.database_url, "SELECT count(*) FROM kept") == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_up_ended_while_starting_leaves_nothing(home: Path, how: signal.Signals) -> None:
    with program(CALLBOARD, home, "up") as command:
        wait_until(lambda: list(home.glob("postgres/data.new/*")), "initdb runs")
        started = pids_noted(home)

        command.send_signal(how)
        command.wait(WITHIN_S)

    if how == signal.SIGKILL:  # it could not wait for the end
        wait_until(lambda: not servers_file.supervisor_alive(home), "the supervisor has ended")
    assert not servers_file.supervisor_alive(home)
    assert started
    assert gone(started)
    assert command.returncode == {"SIGTERM": 143, "SIGINT": 130, "SIGKILL": -9}[how.name]
    assert callboard(home, "up")[0] == 0


def test_servers_end_when_their_home_is_removed(used_home: Path) -> None:
    callboard(used_home, "up")
    told = told_of(used_home)

    (used_home / "servers.lock").unlink()  # first, so that what the servers still write cannot save the folder
    shutil.rmtree(used_home, ignore_errors=True)

    wait_until(lambda: gone(all_pids(told)), "supervisor and servers gone")
