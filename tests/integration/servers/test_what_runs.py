"""What runs: reachable by plain clients with the passwords, durable, on loopback only."""

from __future__ import annotations

import json
import smtplib
import subprocess

import psycopg2
import pytest
import redis

from models import servers_file
from servers.embedded import Servers
from tests.integration.servers.programs import all_pids, query, told_of


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
