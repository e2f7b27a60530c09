"""The jobs of the recovery and poison benchmarks, and a world that remembers: files in RECOVERY_FOLDER."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import dramatiq

from actors.effects import once
from policy.effects import Found, NotFound

#: The queue of both.
QUEUE = "recovery"
#: In an environment with this the actor waits to be killed; elsewhere it does its work at once.
VICTIM = "RECOVERY_VICTIM"


@dramatiq.actor(queue_name=QUEUE, time_limit=3_600_000)
def hold(number: int) -> None:
    """One effect; a victim stands before it until it is killed.

    The world can be asked: an innocent that a poison beside it cuts off in the midst of its effect is not held.
    """
    if VICTIM in os.environ:
        (folder() / f"started-{os.getpid()}").touch()
        threading.Event().wait()
    once(f"recovery:{number}", lambda key: note("done", number), kind="recovery", lookup=lambda: look_up(number))


@dramatiq.actor(queue_name=QUEUE)
def poison() -> None:
    """Kills its worker process."""
    note("poisoned", 0)
    os.kill(os.getpid(), signal.SIGKILL)


def folder() -> Path:
    """Where the world remembers."""
    return Path(os.environ["RECOVERY_FOLDER"])


def note(name: str, number: int) -> str:
    """A line in a file of this process; so short a line is written whole or not at all."""
    with (folder() / f"{name}-{os.getpid()}.lines").open("a", encoding="ascii") as lines:
        lines.write(f"{number}\n")
    return str(number)


def look_up(number: int) -> Found | NotFound:
    """What became of that job's effect."""
    return Found(str(number)) if number in noted(folder(), "done") else NotFound()


def noted(where: Path, name: str) -> list[int]:
    """All that has been noted under that name, by whichever process."""
    files = sorted(where.glob(f"{name}-*.lines"))
    return [int(line) for file in files for line in file.read_text(encoding="ascii").split()]
