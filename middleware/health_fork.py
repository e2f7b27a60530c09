"""The hook that brings the health server along with a master's workers. It must not know what is answered."""

from __future__ import annotations

from collections.abc import Callable

from dramatiq import Middleware


def serve() -> int:
    """`serve_beside_workers` without a schedule: `/dispatch` is not there."""
    from middleware import health_server  # noqa: PLC0415  # for the fork alone: no worker answers requests (0068)

    return health_server.serve_beside_workers()


class Health(Middleware):
    """Names what Dramatiq is to fork, once a master."""

    def __init__(self, serve_health: Callable[[], int] | None = None) -> None:
        self._serve = serve_health or serve

    @property
    def forks(self) -> list[Callable[[], int]]:
        return [self._serve]
