"""The embedded servers as programs meet them: they start, keep data, end with their owner, and are found."""

from __future__ import annotations

import json
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis

from models import servers_file
from servers import embedded, place, ports
from servers.embedded import Given, Servers
from servers.errors import HomeUnusable, NotOurs, PortTaken, Taken
from servers.own_modules import environ_for_own_modules
from servers.processes import started_at

#: Everything of the servers is gone, or there, within this many seconds; usually in less than one.
WITHIN_S = 30.0

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

OWN = """
import os, sys, time
from pathlib import Path
from servers import embedded
with embedded.running(Path(sys.argv[1]), durable=False) as servers:
    print("ready", flush=True)
    time.sleep(600)
"""

OWN_AND_FORK = OWN.replace('print("ready"', 'child = os.fork() or time.sleep(600)\n    print(f"ready {child}"')

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


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that PostgreSQL's account can reach, unlike pytest's own folders when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="callboard-test-"))
    folder.chmod(0o711)
    yield folder / "home"
    embedded.down(folder / "home")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Servers as `up` runs them; for tests that leave them as they were."""
    folder = Path(tempfile.mkdtemp(prefix="callboard-test-"))
    folder.chmod(0o711)
    with embedded.running(folder / "home") as running:
        yield running
    shutil.rmtree(folder)


def query(url: str, statement: str) -> Any:
    """The first column of the first row, None without rows; committed."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return row and row[0]


def program(
    source: str, home: Path, *arguments: str, prefix: Sequence[str] = (), **options: Any
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", source, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ_for_own_modules() | {"CALLBOARD_HOME": str(home)} | options.pop("environ", {}),
        **options,
    )


def callboard(home: Path, *arguments: str, **options: Any) -> tuple[int, str, str]:
    with program(CALLBOARD, home, *arguments, **options) as command:
        said, complained = command.communicate(timeout=60)
        return command.returncode, said, complained


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


# What runs.


def test_plain_clients_understand_the_urls(servers: Servers) -> None:
    database = query(servers.database_url, "SELECT current_user || current_database()")
    answered = redis.Redis.from_url(servers.redis_url).ping()
    host, port = servers.smtp_url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port), local_hostname="localhost") as client:
        greeted = client.noop()[0]

    assert database == "callboardcallboard"
    assert answered is True
    assert greeted == 250


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("max_connections", "200"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("server_encoding", "UTF8"),
    ],
)
def test_postgres_is_durable_and_on_loopback_only(servers: Servers, setting: str, value: str) -> None:
    in_force = query(servers.database_url, f"SHOW {setting}")

    assert in_force == value


@pytest.mark.parametrize(
    ("setting", "value"),
    [("appendonly", "yes"), ("maxmemory-policy", "noeviction"), ("bind", "127.0.0.1"), ("save", "")],
)
def test_valkey_keeps_what_it_was_given(servers: Servers, setting: str, value: str) -> None:
    in_force = redis.Redis.from_url(servers.redis_url, decode_responses=True).config_get(setting)

    assert in_force == {setting: value}


def test_nobody_gets_in_without_the_passwords(servers: Servers) -> None:
    before, _, after = servers.redis_url.partition("@")
    strangers_redis = redis.Redis.from_url(f"redis://{after}")
    strangers_database = servers.database_url.replace("callboard:", "callboard:not-", 1)

    with pytest.raises(redis.AuthenticationError):
        strangers_redis.ping()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(strangers_database)
    assert before.startswith("redis://:")


def test_the_files_with_passwords_are_private(servers: Servers) -> None:
    modes = {name: (servers.home / name).stat().st_mode & 0o777 for name in ("servers.json", "kept.json")}

    assert modes == {"servers.json": 0o600, "kept.json": 0o600}


def test_no_password_is_an_argument_of_a_process(servers: Servers) -> None:
    pids = all_pids(told_of(servers.home))
    listing = subprocess.run(
        ["ps", "-ww", "-o", "args=", *(f"-p{pid}" for pid in pids)], capture_output=True, text=True, check=True
    ).stdout

    passwords = json.loads((servers.home / "kept.json").read_text())["passwords"].values()

    assert len(listing.splitlines()) == 4
    assert not [password for password in passwords if password in listing]


def test_others_find_the_servers_through_the_home_folder(servers: Servers) -> None:
    found = servers_file.read(servers.home)

    assert found == servers.found


# Owned servers.


def test_owned_servers_end_with_the_block(home: Path) -> None:
    with embedded.running(home):
        told = told_of(home)

    assert gone(all_pids(told))
    assert servers_file.read(home) is None
    assert not (home / "servers.json").exists()


def test_data_and_urls_are_the_same_at_the_next_start(home: Path) -> None:
    with embedded.running(home) as first:
        query(first.database_url, "CREATE TABLE kept AS SELECT 7 AS number")
        redis.Redis.from_url(first.redis_url).set("kept", "8")

    with embedded.running(home) as second:
        row = query(second.database_url, "SELECT number FROM kept")
        value = redis.Redis.from_url(second.redis_url).get("kept")

    assert (row, value) == (7, b"8")
    assert second.found == first.found


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
def test_a_single_server_comes_back_with_port_and_data(servers: Servers, mode: Any) -> None:
    query(servers.database_url, f"CREATE TABLE committed_{mode} ()")
    redis.Redis.from_url(servers.redis_url).set(mode, "set")
    redis.Redis.from_url(servers.redis_url).waitaof(1, 0, 5000)

    for server in (servers.postgres, servers.valkey):
        server.stop(mode)
        assert server.pid is None
    with pytest.raises(psycopg2.OperationalError, match="refused"):
        psycopg2.connect(servers.database_url)
    for server in (servers.postgres, servers.valkey):
        server.start()

    assert query(servers.database_url, f"SELECT count(*) FROM committed_{mode}") == 0
    assert redis.Redis.from_url(servers.redis_url).get(mode) == b"set"
    assert told_of(servers.home)["pids"]["postgres"] == servers.postgres.pid


def test_a_postmaster_killed_under_load_starts_again(servers: Servers) -> None:
    busy = psycopg2.connect(servers.database_url)
    busy.cursor().execute("CREATE TABLE IF NOT EXISTS uncommitted ()")
    pid = servers.postgres.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: servers.postgres.pid is None, "the supervisor sees the end")
    servers.postgres.start()

    busy.close()
    assert query(servers.database_url, "SELECT to_regclass('uncommitted')") is None


def test_a_recycled_pid_in_postgres_own_pid_file_is_no_hindrance(servers: Servers) -> None:
    noted = Path(told_of(servers.home)["postgres_dir"]) / "postmaster.pid"
    account = place.unprivileged() if os.geteuid() == 0 else None
    servers.postgres.stop("kill")
    with subprocess.Popen(["sleep", "600"], user=account.uid if account else None) as another:
        noted.write_text("\n".join([str(another.pid), *noted.read_text().splitlines()[1:]]))

        servers.postgres.start()

        another.kill()
    assert query(servers.database_url, "SELECT 1") == 1


def test_a_restart_on_a_port_that_was_taken_meanwhile_says_so(servers: Servers) -> None:
    port = int(servers.smtp_url.rpartition(":")[2])
    servers.mail_sink.stop()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken, match=str(port)):
        servers.mail_sink.start()

    servers.mail_sink.start()
    assert servers.mail_sink.pid is not None


def test_a_port_taken_since_the_last_start_is_changed(home: Path) -> None:
    with embedded.running(home) as first:
        port = int(first.smtp_url.rpartition(":")[2])

    with socket.create_server(("127.0.0.1", port)), embedded.running(home) as second:
        running = second.mail_sink.pid is not None

    assert running
    assert second.smtp_url != first.smtp_url
    assert second.database_url == first.database_url


def test_a_home_has_one_set_of_servers(servers: Servers) -> None:
    with pytest.raises(Taken, match="already run"), embedded.running(servers.home):
        pass

    assert query(servers.database_url, "SELECT 1") == 1


def test_servers_given_by_url_are_not_started(servers: Servers, home: Path) -> None:
    given = Given(database_url=servers.database_url, redis_url=servers.redis_url)
    with embedded.running(home, given=given) as partly:
        told = told_of(home)

        assert list(told["pids"]) == ["mail_sink"]
        assert (partly.database_url, partly.redis_url) == (servers.database_url, servers.redis_url)
        assert partly.mail_dir == home / "mail" / "new"
        with pytest.raises(NotOurs):
            partly.postgres.stop()


def test_a_home_deeper_than_any_socket_path_works(home: Path) -> None:
    deep = home.joinpath(*["a-rather-long-name-of-a-folder"] * 8)
    home.mkdir(mode=0o711)
    with embedded.running(deep, durable=False) as running:
        answer = query(running.database_url, "SELECT 1")

    assert len(str(deep)) > 200
    assert answer == 1


# Nothing is left behind.


@pytest.mark.parametrize("source", [OWN, OWN_AND_FORK], ids=["alone", "with a forked child that lives on"])
def test_servers_of_a_killed_owner_are_gone(home: Path, source: str) -> None:
    with program(source, home, str(home)) as owner:
        assert owner.stdout is not None
        said = owner.stdout.readline().split()
        assert said[0] == "ready"
        told = told_of(home)
        owner.kill()

        wait_until(lambda: gone(all_pids(told)), "supervisor and servers gone")

        if said[1:]:
            os.kill(int(said[1]), signal.SIGKILL)
    assert not (home / "servers.json").exists()
    assert all(ports.is_free(port) for port in json.loads((home / "kept.json").read_text())["ports"].values())


def test_servers_of_a_killed_supervisor_are_gone_and_start_anew(home: Path) -> None:
    callboard(home, "up")
    told = told_of(home)
    query(told["database_url"], "CREATE TABLE kept ()")

    os.kill(told["supervisor_pid"], signal.SIGKILL)

    wait_until(lambda: gone(all_pids(told)), "supervisor and servers gone")
    assert servers_file.read(home) is None
    with embedded.running(home) as again:
        assert query(again.database_url, "SELECT count(*) FROM kept") == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_up_ended_while_starting_leaves_nothing(home: Path, how: signal.Signals) -> None:
    with program(CALLBOARD, home, "up") as command:
        wait_until(lambda: list(home.glob("postgres/data.new/*")), "initdb runs")
        started = pids_noted(home)

        command.send_signal(how)
        command.wait(WITHIN_S)

    wait_until(lambda: not servers_file.supervisor_alive(home), "the supervisor has ended")
    assert started
    assert gone(started)
    assert command.returncode == {"SIGTERM": 143, "SIGINT": 130, "SIGKILL": -9}[how.name]
    assert callboard(home, "up")[0] == 0


def test_servers_end_when_their_home_is_removed(home: Path) -> None:
    callboard(home, "up")
    told = told_of(home)

    (home / "servers.lock").unlink()  # first, so that what the servers still write cannot save the folder
    shutil.rmtree(home, ignore_errors=True)

    wait_until(lambda: gone(all_pids(told)), "supervisor and servers gone")


# up and down.


def test_up_twice_finds_the_running_servers_and_down_ends_them(home: Path) -> None:
    first = callboard(home, "up", "--json")
    second = callboard(home, "up", "--json")
    told = told_of(home)
    down = callboard(home, "down")
    down_again = callboard(home, "down")

    assert first == second
    assert first[0] == 0
    assert list(json.loads(first[1])) == ["database_url", "redis_url", "smtp_url", "mail_dir"]
    assert (down[0], down_again[0]) == (0, 0)
    assert gone(all_pids(told))


def test_up_at_the_same_time_starts_one_set(home: Path) -> None:
    commands = [program(CALLBOARD, home, "up") for _ in range(4)]

    said = {command.communicate(timeout=60) for command in commands}

    assert {command.returncode for command in commands} == {0}
    assert len(said) == 1
    assert (home / "log" / "supervisor.log").read_text().count("servers ready") == 1


def test_up_starts_anew_when_a_server_has_died(home: Path) -> None:
    first = callboard(home, "up")
    died = told_of(home)["pids"]["valkey"]
    os.kill(died, signal.SIGKILL)
    wait_until(lambda: told_of(home)["pids"]["valkey"] is None, "the supervisor sees the end")

    second = callboard(home, "up")

    assert second == first
    assert redis.Redis.from_url(told_of(home)["redis_url"]).ping() is True


def test_up_starts_only_what_has_no_url(servers: Servers, home: Path) -> None:
    code, said, _ = callboard(home, "up", environ={"CALLBOARD_DATABASE_URL": servers.database_url})

    assert code == 0
    assert f"database_url={servers.database_url}\n" in said
    assert sorted(told_of(home)["pids"]) == ["mail_sink", "valkey"]


def test_up_and_down_leave_a_living_owners_servers_alone(servers: Servers) -> None:
    answers = [callboard(servers.home, command) for command in ("up", "down")]

    assert [code for code, _, _ in answers] == [1, 1]
    assert all(f"belong to process {os.getpid()}" in complaint for _, _, complaint in answers)
    assert query(servers.database_url, "SELECT 1") == 1


def test_servers_at_hand_are_used_and_left(home: Path) -> None:
    with embedded.at_hand(home) as own:
        pass
    left_after_own = servers_file.read(home)
    callboard(home, "up")
    with embedded.at_hand(home) as found:
        pass

    assert left_after_own is None
    assert found == own == servers_file.read(home)


# What can be wrong with the folder.


def test_a_file_in_the_homes_place_is_named(home: Path) -> None:
    home.write_text("not a folder")

    code, said, complaint = callboard(home, "up")

    assert (code, said) == (1, "")
    assert complaint == f"callboard: {home} is not a folder: move it away or set CALLBOARD_HOME\n"
    home.unlink()


@as_root
def test_a_folder_that_cannot_be_written_is_named(home: Path) -> None:
    home.mkdir(mode=0o755)

    code, _, complaint = callboard(home, "up", prefix=as_nobody())

    assert code == 1
    assert complaint.startswith(f"callboard: {home} cannot be used (Permission denied)")
    assert complaint.count("\n") == 1


@as_root
def test_a_home_with_another_users_servers_is_refused(home: Path) -> None:
    home.mkdir()
    (home / "servers.lock").touch()
    os.chown(home / "servers.lock", place.unprivileged().uid, -1)

    with pytest.raises(HomeUnusable, match="servers of user nobody"), embedded.running(home):
        pass

    (home / "servers.lock").unlink()


def test_lost_passwords_are_named_and_not_guessed(home: Path) -> None:
    with embedded.running(home):
        pass
    (home / "kept.json").unlink()

    code, _, complaint = callboard(home, "up")

    assert code == 1
    assert "kept.json: restore it" in complaint
    assert not servers_file.supervisor_alive(home)


# Users.


@as_root
def test_as_root_postgres_runs_unprivileged(servers: Servers) -> None:
    pid = servers.postgres.pid

    uid = Path(f"/proc/{pid}").stat().st_uid

    assert uid == place.unprivileged().uid != 0


@as_root
def test_a_home_that_postgres_account_cannot_reach_keeps_the_data_outside(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with embedded.running(closed / "home", durable=False) as running:
        data = Path(told_of(closed / "home")["postgres_dir"])

        assert query(running.database_url, "SELECT 1") == 1
        assert not data.is_relative_to(closed)
        assert data.parent.stat().st_mode & 0o077 == 0

    assert closed.stat().st_mode & 0o777 == 0o700
    assert not data.exists()


@as_root
def test_not_as_root_all_runs_as_ourselves(home: Path) -> None:
    account = place.unprivileged()
    home.mkdir()
    os.chown(home, account.uid, account.gid)
    nobody = as_nobody()

    up = callboard(home, "up", "--json", prefix=nobody)
    told = json.loads((home / "servers.json").read_text())
    uids = {Path(f"/proc/{pid}").stat().st_uid for pid in all_pids(told)}
    answer = query(json.loads(up[1])["database_url"], "SELECT 1")
    down = callboard(home, "down", prefix=nobody)

    assert (up[0], down[0]) == (0, 0)
    assert uids == {account.uid}
    assert answer == 1
    assert gone(all_pids(told))
    shutil.rmtree(home)


# The mail sink.


def send(servers: Servers, mail: bytes) -> tuple[int, bytes]:
    host, port = servers.smtp_url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port), local_hostname="localhost") as client:
        client.ehlo()
        client.mail("sales@example.com")
        client.rcpt("lead@example.org")
        return client.data(mail)


MAIL = b"Message-ID: <one@example.com>\r\nSubject: gr\xc3\xbc\xc3\x9fe\r\n\r\n.a dotted line\r\n\xff\r\n"


def test_a_mail_is_on_disk_as_it_came_when_it_is_accepted(servers: Servers) -> None:
    before = set(servers.mail_dir.iterdir())

    answer = send(servers, MAIL)

    arrived = set(servers.mail_dir.iterdir()) - before
    assert answer[0] == 250
    assert [mail.read_bytes() for mail in arrived] == [MAIL]
    assert list((servers.home / "mail" / "tmp").iterdir()) == []


def test_the_same_mail_twice_is_two_files(servers: Servers) -> None:
    before = set(servers.mail_dir.iterdir())

    for _ in range(2):
        send(servers, MAIL)

    assert len(set(servers.mail_dir.iterdir()) - before) == 2


def test_a_mail_that_cannot_be_kept_is_not_accepted(servers: Servers) -> None:
    hidden = servers.mail_dir.with_name("hidden")
    servers.mail_dir.rename(hidden)

    answer = send(servers, MAIL)

    hidden.rename(servers.mail_dir)
    assert answer[0] == 451


def test_a_mail_cut_off_in_the_middle_is_forgotten_at_the_next_start(servers: Servers) -> None:
    unfinished = servers.home / "mail" / "tmp" / "cut-off.eml"
    unfinished.write_bytes(MAIL[:20])
    servers.mail_sink.stop("kill")

    servers.mail_sink.start()

    assert not unfinished.exists()
