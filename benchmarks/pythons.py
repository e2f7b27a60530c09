"""Which Python each measured system runs with: our own, or that of a room where Dramatiq is as `pip install` leaves it.

Both have the same versions of Python, Dramatiq and redis-py, so that what differs is what a user would see differ: we
require hiredis, which parses Redis's replies faster, and `dramatiq[redis]` does not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from benchmarks.ground import Ground, RoundFailed
from benchmarks.peer_rooms import room_of
from benchmarks.report import Report

#: Systems that run in the room; all others run in our own environment.
AS_IT_COMES = frozenset({"bare", "bare-prefetch"})
#: The room's name among those of the peers.
ENVIRONMENT = "bare-dramatiq"


def python_of(system: str, ground: Ground) -> str:
    """The Python that runs a system. Raises RoundFailed for bare Dramatiq on a ground without its room."""
    if system not in AS_IT_COMES:
        return sys.executable
    if ground.bare_python is None:
        raise RoundFailed(f"{system} has no environment of its own here, and is not measured in ours")
    return str(ground.bare_python)


def with_bare(ground: Ground, rooms: Path, report: Report, say: Callable[[str], None]) -> Ground:
    """The same ground with bare Dramatiq installed; the report says what it and ours run with. Raises NotInstalled."""
    furnished = replace(ground, bare_python=room_of(ENVIRONMENT, packages(), rooms, say).programs / "python")
    bare, own = (client_of(system, furnished) for system in ("bare", "bare-hiredis"))
    report.versions |= {f"bare: {name}": said for name, said in bare.items()}
    report.notes.append(f"bare as pip installs dramatiq[redis]: {_listed(bare)}; our own environment: {_listed(own)}")
    return furnished


def packages() -> tuple[str, ...]:
    """What is installed for bare Dramatiq: the versions that are installed with us, without our extra `hiredis`."""
    return f"dramatiq[redis]=={version('dramatiq')}", f"redis=={version('redis')}"


def client_of(system: str, ground: Ground) -> dict[str, str]:
    """Versions of Dramatiq and redis-py, and the parser of replies, as the system's own Python tells them."""
    said: dict[str, str] = json.loads(ground.run("benchmarks.client", python=python_of(system, ground)))
    return said


def _listed(client: dict[str, str]) -> str:
    return ", ".join(f"{name} {said}" for name, said in client.items())
