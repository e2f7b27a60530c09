"""`callboard up` and `callboard down`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import redis

from models import servers_file
from servers import embedded
from servers.embedded import Servers
from tests.integration.servers.programs import CALLBOARD, all_pids, callboard, gone, program, query, told_of, wait_until


def test_up_twice_finds_the_running_servers_and_down_ends_them(used_home: Path) -> None:
    first = callboard(used_home, "up", "--json")
    second = callboard(used_home, "up", "--json")
    told = told_of(used_home)
    down = callboard(used_home, "down")
    down_again = callboard(used_home, "down")

    assert first == second
    assert first[0] == 0
    assert list(json.loads(first[1])) == ["database_url", "redis_url", "smtp_url", "mail_dir"]
    assert (down[0], down_again[0]) == (0, 0)
    assert gone(all_pids(told))


def test_dry_runs_say_what_would_be_done_and_change_nothing(used_home: Path) -> None:
    would_start = callboard(used_home, "up", "--dry-run", "--json")
    said = callboard(used_home, "up", "--dry-run", environ={"CALLBOARD_SMTP_URL": "smtp://elsewhere"})
    would_not_end = callboard(used_home, "down", "--dry-run", "--json")
    left = servers_file.load(used_home)
    callboard(used_home, "up")
    pids = told_of(used_home)["pids"]
    nothing = callboard(used_home, "up", "--dry-run", "--json")
    would_end = callboard(used_home, "down", "--dry-run", "--json")
    told = callboard(used_home, "down", "--dry-run")

    assert json.loads(would_start[1]) == {"would_start": ["postgres", "valkey", "mail_sink"]}
    assert said[:2] == (0, f"would start postgres, valkey for {used_home}\n")
    assert json.loads(would_not_end[1]) == {"stopped": False, "would_stop": False}
    assert left is None
    assert json.loads(nothing[1]) == {"would_start": []}
    assert json.loads(would_end[1]) == {"stopped": False, "would_stop": True}
    assert told[:2] == (0, f"would end the servers of {used_home}\n")
    assert told_of(used_home)["pids"] == pids


def test_down_says_as_an_object_whether_it_stopped_servers(used_home: Path) -> None:
    callboard(used_home, "up")

    down = callboard(used_home, "down", "--json")
    again = callboard(used_home, "down", "--json")

    assert (down[0], json.loads(down[1])) == (0, {"stopped": True})
    assert (again[0], json.loads(again[1])) == (0, {"stopped": False})


def test_up_at_the_same_time_starts_one_set(home: Path) -> None:
    commands = [program(CALLBOARD, home, "up") for _ in range(4)]

    said = {command.communicate(timeout=60) for command in commands}

    assert {command.returncode for command in commands} == {0}
    assert len(said) == 1
    assert (home / "log" / "supervisor.log").read_text().count("servers ready") == 1


def test_up_starts_anew_when_a_server_has_died(used_home: Path) -> None:
    first = callboard(used_home, "up")
    died = told_of(used_home)["pids"]["valkey"]
    os.kill(died, signal.SIGKILL)
    wait_until(lambda: told_of(used_home)["pids"]["valkey"] is None, "the supervisor sees the end")

    second = callboard(used_home, "up")

    assert second == first
    assert redis.Redis.from_url(told_of(used_home)["redis_url"]).ping() is True


def test_up_starts_only_what_has_no_url(servers: Servers, home: Path) -> None:
    code, said, _ = callboard(home, "up", environ={"CALLBOARD_DATABASE_URL": servers.database_url})

    assert code == 0
    assert f"database_url={servers.database_url}\n" in said
    assert sorted(told_of(home)["pids"]) == ["mail_sink", "valkey"]


def test_up_and_down_leave_a_living_owners_servers_alone(servers: Servers) -> None:
    answers = [callboard(servers.home, command) for command in ("up", "down")]
    answers += [callboard(servers.home, command, "--dry-run") for command in ("up", "down")]

    assert [code for code, _, _ in answers] == [1, 1, 1, 1]
    assert all(f"belong to process {os.getpid()}" in complaint for _, _, complaint in answers)
    assert query(servers.database_url, "SELECT 1") == 1


def test_servers_at_hand_are_used_and_left(used_home: Path) -> None:
    with embedded.at_hand(used_home) as own:
        pass
    left_after_own = servers_file.read(used_home)
    callboard(used_home, "up")
    with embedded.at_hand(used_home) as found:
        pass

    assert left_after_own is None
    assert found == own == servers_file.read(used_home)
