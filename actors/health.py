"""The health server that workers bring along, with the schedule behind `POST /dispatch`."""

from __future__ import annotations

import sys

from middleware.health_server import serve_beside_workers

#: Runs one tick and prints its answer; the source follows.
TICK_COMMAND = (sys.executable, "-m", "actors.one_tick")


def serve() -> int:
    """Top-level, so that Dramatiq can fork it by its import path."""
    return serve_beside_workers(TICK_COMMAND)
