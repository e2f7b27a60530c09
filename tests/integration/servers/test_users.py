"""As root and not as root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from servers import binaries, embedded, place
from servers import home as homes
from servers.embedded import Servers
from tests.integration.servers.programs import all_pids, as_nobody, as_root, callboard, gone, query, told_of


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
def test_lasting_data_outside_are_not_removed_by_a_run_that_is_not_to_last(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with embedded.running(closed / "home") as lasting:
        query(lasting.database_url, "CREATE TABLE kept ()")

    with embedded.running(closed / "home", durable=False):
        data = Path(told_of(closed / "home")["postgres_dir"])

    left = data.exists()
    shutil.rmtree(data.parents[1])
    assert left


@as_root
def test_binaries_that_postgres_account_cannot_reach_are_copied(home: Path, tmp_path: Path) -> None:
    installed = binaries.postgres_programs()
    package = installed.parent.parent
    closed = tmp_path / "site-packages"
    for part in (installed.parent, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, closed / part.relative_to(package.parent))
    closed.chmod(0o700)
    programs = closed / installed.relative_to(package.parent)

    settled = place.settle(homes.prepare(home), programs, None)

    assert settled.account is not None
    assert settled.outside is not None
    assert place.settle(homes.prepare(home), programs, settled.outside) == settled
    version = subprocess.run(
        [settled.programs / "postgres", "--version"],
        user=settled.account.uid,
        group=settled.account.gid,
        cwd="/",
        capture_output=True,
        check=True,
    )
    shutil.rmtree(settled.outside)
    assert version.stdout.startswith(b"postgres (PostgreSQL)")
    assert settled.data == home / "postgres" / "data"
    assert not settled.programs.is_relative_to(closed)


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
