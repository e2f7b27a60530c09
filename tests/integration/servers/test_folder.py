"""What can be wrong with the home folder is said in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models import servers_file
from servers import embedded, place
from servers.errors import HomeUnusable
from tests.integration.servers.programs import as_nobody, as_root, callboard


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


def test_lost_passwords_are_named_and_not_guessed(used_home: Path) -> None:
    with embedded.running(used_home):
        pass
    (used_home / "kept.json").unlink()

    code, _, complaint = callboard(used_home, "up")

    assert code == 1
    assert "kept.json: restore it" in complaint
    assert not servers_file.supervisor_alive(used_home)
