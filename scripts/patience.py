"""Waiting for a lock that others hold: a change that lost the wait is tried again, and a person sees for what."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from psycopg2.errors import LockNotAvailable

from scripts.progress import Progress

AnswerT = TypeVar("AnswerT")

#: Seconds after which a change gives up: a large ingest holds a client that long, nothing that works holds it longer.
_PATIENCE_S = 120.0


def patiently(change: Callable[[], AnswerT], waits_for: str) -> AnswerT:
    """`change`, a transaction of its own, again while it cannot get its locks. Raises what it raises, at last that."""
    progress, deadline_s = Progress(), time.monotonic() + _PATIENCE_S
    try:
        while True:
            try:
                return change()
            except LockNotAvailable:
                if time.monotonic() > deadline_s:
                    raise
                progress.show(f"waiting for {waits_for}", at_once=True)
    finally:
        progress.clear()
