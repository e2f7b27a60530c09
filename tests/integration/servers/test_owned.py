"""Servers that a program owns: they end with it, come back one by one, keep ports and data."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis

from models import servers_file
from servers import embedded, place
from servers.embedded import Given, Servers
from servers.errors import NotOurs, PortTaken, Taken
from tests.integration.servers.programs import all_pids, gone, query, sleeping, told_of, wait_until


def test_owned_servers_end_with_the_block(home: Path) -> None:
    with embedded.running(home):
        told = told_of(home)

    assert gone(all_pids(told))
    assert servers_file.read(home) is None
    assert not (home / "servers.json").exists()


def test_data_and_urls_are_the_same_at_the_next_start(used_home: Path) -> None:
    with embedded.running(used_home) as first:
        query(first.database_url, "CREATE TABLE kept AS SELECT 7 AS number")
        redis.Redis.from_url(first.redis_url).set("kept", "8")

    with embedded.running(used_home) as second:
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


def test_a_killed_postmaster_starts_again_once_its_last_backend_is_gone(servers: Servers) -> None:
    log = servers.home / "log" / "postgres.log"
    session = psycopg2.connect(servers.database_url)
    backend = session.info.backend_pid
    session.cursor().execute("CREATE TABLE uncommitted ()")

    os.kill(backend, signal.SIGSTOP)
    servers.postgres.stop("kill")
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(servers.postgres.start)
        try:
            wait_until(lambda: "is still in use" in log.read_text(), "PostgreSQL waits for the backend")
            waited = not starting.done()
        finally:
            os.kill(backend, signal.SIGCONT)

    starting.result()
    session.close()
    assert waited
    assert query(servers.database_url, "SELECT to_regclass('uncommitted')") is None


def test_a_recycled_pid_in_postgres_own_pid_file_is_no_hindrance(servers: Servers) -> None:
    noted = Path(told_of(servers.home)["postgres_dir"]) / "postmaster.pid"
    account = place.unprivileged() if os.geteuid() == 0 else None
    servers.postgres.stop("kill")
    with sleeping(account) as pid:
        noted.write_text("\n".join([str(pid), *noted.read_text().splitlines()[1:]]))

        servers.postgres.start()

    assert query(servers.database_url, "SELECT 1") == 1


def test_a_restart_on_a_port_that_was_taken_meanwhile_says_so(servers: Servers) -> None:
    port = int(servers.smtp_url.rpartition(":")[2])
    servers.mail_sink.stop()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken, match=str(port)):
        servers.mail_sink.start()

    servers.mail_sink.start()
    assert servers.mail_sink.pid is not None


def test_a_port_taken_since_the_last_start_is_changed(used_home: Path) -> None:
    with embedded.running(used_home) as first:
        port = int(first.smtp_url.rpartition(":")[2])

    with socket.create_server(("127.0.0.1", port)), embedded.running(used_home) as second:
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
