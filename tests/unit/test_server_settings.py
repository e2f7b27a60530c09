"""What the servers are started with: their arguments and configuration, without starting them."""

from __future__ import annotations

from pathlib import Path

import pytest

from servers.home import Home, prepare
from servers.place import Place
from servers.postgres import Postgres
from servers.valkey import Valkey


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return prepare(tmp_path / "home")


def postgres(home: Home, *, durable: bool) -> Postgres:
    place = Place(home.root / "postgres", Path("/programs"), None, None)
    return Postgres(home, 20_001, place=place, password="secret", durable=durable)


def test_a_durable_postgres_turns_no_safety_off(home: Home) -> None:
    arguments = postgres(home, durable=True).command().argv

    assert not [argument for argument in arguments if argument.endswith("=off")]


def test_a_postgres_for_tests_does_not_wait_for_the_disk(home: Home) -> None:
    arguments = postgres(home, durable=False).command().argv

    assert {"fsync=off", "synchronous_commit=off", "full_page_writes=off"} <= set(arguments)


def test_libpqs_variables_do_not_reach_postgres(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")

    environ = postgres(home, durable=True).command().environ

    assert "PGPORT" not in environ
    assert environ["LC_ALL"] == "C"


@pytest.mark.parametrize(("durable", "appendfsync"), [(True, "everysec"), (False, "no")])
def test_valkeys_configuration_is_not_in_its_arguments(home: Home, durable: bool, appendfsync: str) -> None:
    server = Valkey(home, 20_002, program=Path("/valkey-server"), password="secret", durable=durable)

    command = server.command()

    assert command.argv == ["/valkey-server", "-"]
    assert command.stdin is not None
    configuration = command.stdin.decode().splitlines()
    assert {"requirepass secret", "appendonly yes", f"appendfsync {appendfsync}"} <= set(configuration)


def test_valkeys_folder_may_have_any_name(tmp_path: Path) -> None:
    odd = prepare(tmp_path / 'ho me"\n\\ü')
    server = Valkey(odd, 20_002, program=Path("/valkey-server"), password="secret", durable=True)

    configuration = (server.command().stdin or b"").decode()

    line = next(line for line in configuration.splitlines() if line.startswith("dir "))
    assert line.isascii()
    assert bytes(line.removeprefix('dir "').removesuffix('"'), "ascii").decode("unicode_escape").encode(
        "latin-1"
    ) == bytes(odd.root / "valkey")


def test_a_log_grown_too_large_is_set_aside(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servers.home.LARGEST_LOG_BYTES", 3)
    (home.root / "log" / "valkey.log").write_text("long")

    log = home.log("valkey")

    assert not log.exists()
    assert (home.root / "log" / "valkey.log.1").read_text() == "long"
