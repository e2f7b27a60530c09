"""A virtual environment for each peer, made once and kept: its dependencies meet neither ours nor another peer's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ground import RoundFailed, last_line
from benchmarks.peer_list import Peer

#: Seconds that an installation may take.
_INSTALL_WITHIN_S = 900


class NotInstalled(RoundFailed):
    """A peer could not be installed here; it is reported as such.

    Acts: whoever runs the benchmark.
    """


@dataclass(frozen=True, slots=True)
class Room:
    """A peer's environment: where its commands are, and what is installed."""

    programs: Path
    versions: dict[str, str]


def room_of(peer: Peer, folder: Path, say: Callable[[str], None]) -> Room:
    """The environment of `peer` under `folder`, made if it is not there. Raises NotInstalled."""
    place = folder / peer.environment
    log = folder / f"{peer.environment}.log"
    python = place / "bin" / "python"
    installed = place / "installed.json"
    if not installed.exists() or json.loads(installed.read_text(encoding="utf-8")) != list(peer.packages):
        say(f"installing {', '.join(peer.packages)}")
        folder.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", "--clear", str(place)], peer, log)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *peer.packages], peer, log)
        installed.write_text(json.dumps(list(peer.packages)), encoding="utf-8")
    return Room(place / "bin", _versions(python, peer))


def _run(command: list[str], peer: Peer, log: Path) -> None:
    try:
        with log.open("ab") as lines:
            subprocess.run(command, stdout=lines, stderr=lines, check=True, timeout=_INSTALL_WITHIN_S)
    except (subprocess.SubprocessError, OSError) as error:
        raise NotInstalled(f"{peer.name} cannot be installed ({last_line(log)}): {error}") from error


def _versions(python: Path, peer: Peer) -> dict[str, str]:
    """Of the peer's own packages, and of what it talks to its servers with."""
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    named = {package.partition("[")[0] for package in peer.packages} | {"redis", "kombu", "psycopg", "sqlalchemy"}
    return {one["name"].lower(): one["version"] for one in json.loads(listed) if one["name"].lower() in named}
