"""Health pages of real servers, once they say what is waited for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers
from tests.integration.http_cases import Answered, asked


def page(port: int, path: str, status: int, within_s: float = 60.0) -> Any:
    """The page, once it is answered with that status."""
    last: list[Answered] = []

    def look() -> bool:
        with suppress(ConnectionError):
            last.append(asked(port, path))
        return bool(last) and last[-1].status == status

    until(look, f"{path} {status}", within_s)
    return last[-1].page


def registered(workers: Workers, processes: int = 1) -> Workers:
    """Once its processes have registered; with the patience that a busy machine needs for their start."""
    until(lambda: len(workers.lines("worker_registered")) >= processes, "registered workers", 60.0)
    return workers
