"""A virtual environment for each peer, made once and kept: its dependencies meet neither ours nor another peer's.

Another Python or another list of packages makes it anew.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ground import RoundFailed, last_line

#: Seconds that an installation may take.
_INSTALL_WITHIN_S = 900


class NotInstalled(RoundFailed):
    """A peer could not be installed here; it is reported as such. Without bare Dramatiq there is no benchmark.

    Acts: whoever runs the benchmark.
    """


@dataclass(frozen=True, slots=True)
class Room:
    """A peer's environment: where its commands are, and what is installed."""

    programs: Path
    versions: dict[str, str]


def room_of(environment: str, packages: Sequence[str], folder: Path, say: Callable[[str], None]) -> Room:
    """The environment of that name under `folder`, made if it is not there. Raises NotInstalled."""
    place = folder / environment
    log = folder / f"{environment}.log"
    python = place / "bin" / "python"
    installed = place / "installed.json"
    wanted = [f"python {platform.python_version()}", *packages]
    if not installed.exists() or json.loads(installed.read_text(encoding="utf-8")) != wanted:
        say(f"installing {', '.join(packages)}")
        folder.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", "--clear", str(place)], environment, log)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *packages], environment, log)
        installed.write_text(json.dumps(wanted), encoding="utf-8")
    return Room(place / "bin", _versions(python, packages))


def _run(command: list[str], environment: str, log: Path) -> None:
    try:
        with log.open("ab") as lines:
            subprocess.run(command, stdout=lines, stderr=lines, check=True, timeout=_INSTALL_WITHIN_S)
    except (subprocess.SubprocessError, OSError) as error:
        why = last_line(log) if isinstance(error, subprocess.CalledProcessError) else error
        raise NotInstalled(f"{environment} cannot be installed: {why} (its log: {log})") from error


def _versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Of the peer's own packages, and of what it talks to its servers with."""
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    named = {package.partition("[")[0] for package in packages} | {"redis", "kombu", "psycopg", "sqlalchemy"}
    return {one["name"].lower(): one["version"] for one in json.loads(listed) if one["name"].lower() in named}
