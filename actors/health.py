"""The health server that workers bring along, with the schedule behind `POST /dispatch`."""

from __future__ import annotations

import sys

#: Runs one tick and prints its answer; the source follows.
TICK_COMMAND = (sys.executable, "-m", "actors.one_tick")


def serve() -> int:
    """Top-level, so that Dramatiq can fork it by its import path."""
    from middleware import health_server  # noqa: PLC0415  # for the fork alone: no worker answers requests (0068)

    return health_server.serve_beside_workers(TICK_COMMAND)
