"""A small application that knows Dramatiq alone, with the two lines that a rollout adds to it (docs/rollout.md)."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import dramatiq

FOLDER = Path(__file__).parent


@dramatiq.actor(queue_name="ovens", max_retries=5, min_backoff=50, max_backoff=100)
def bake(number: int) -> None:
    """Every fifth loaf fails at its first try."""
    if number % 5 == 0 and note("tried", str(number)) and tried(number) == 1:
        raise RuntimeError("the oven was cold")
    note("baked", f"{number} {os.environ.get('BAKER', 'callboard')}")


def note(name: str, text: str) -> bool:
    """Append a line to a trace."""
    path = FOLDER / "traces" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as trace:
        trace.write(f"{text}\n")
    return True


def tried(number: int) -> int:
    """How often this loaf was begun."""
    return (FOLDER / "traces" / "tried").read_text(encoding="utf-8").splitlines().count(str(number))


def routed(message: dramatiq.Message[Any], share: int) -> dramatiq.Message[Any]:
    """The message, for so many of a hundred under the queue that only Callboard's workers serve."""
    if zlib.crc32(message.message_id.encode()) % 100 >= share:
        return message
    return message.copy(queue_name=f"{message.queue_name}.callboard")


# What Callboard's workers serve beside the actors' own queues; to a stock worker it is one more queue, left out by -Q.
dramatiq.get_broker().declare_queue("ovens.callboard")
