"""Waiting for a condition with a deadline. It must not know what is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

#: Seconds to wait for something that takes far less on an idle machine.
DEADLINE_S: Final = 15.0
#: Seconds between two looks.
PAUSE_S: Final = 0.02

Found = TypeVar("Found")


def until(look: Callable[[], Found | None], what: str, within_s: float = DEADLINE_S) -> Found:
    """The first truthy answer of `look`. Raises AssertionError naming `what` and the last answer at the deadline."""
    deadline_s = time.monotonic() + within_s
    pause = threading.Event()
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline_s:
            raise AssertionError(f"{what}: not within {within_s} s, last seen: {found!r}")
        pause.wait(PAUSE_S)


def always(look: Callable[[], object], what: str, for_s: float) -> None:
    """That `look` stays truthy for so long. Raises AssertionError the moment it does not."""
    deadline_s = time.monotonic() + for_s
    pause = threading.Event()
    while time.monotonic() < deadline_s:
        assert look(), f"{what}: no longer"
        pause.wait(PAUSE_S)
