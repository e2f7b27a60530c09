"""The hook that counts messages in progress and brings the metrics endpoint along. It must not know what is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dramatiq import Broker, MessageProxy, Middleware

from middleware import log_intercept, metrics


def serve() -> int:
    """What processes have counted; top-level, so that Dramatiq can fork it by its import path."""
    from middleware import metrics_server  # noqa: PLC0415  # for the fork alone: no worker answers requests (0068)

    return metrics_server.serve_metrics()


def serve_with_gauges() -> int:
    """The same with the gauges of ledger and Redis, read at each scrape."""
    from middleware import ledger_gauges  # noqa: PLC0415  # as above

    return ledger_gauges.serve()


class Metrics(Middleware):
    """Counts messages in progress, listens for swallowed hook failures, and brings the endpoint along."""

    def __init__(self, serve_page: Callable[[], int] | None = None) -> None:
        self._serve = serve_page or serve
        log_intercept.when_hook_fails(metrics.hook_failed)

    @property
    def forks(self) -> list[Callable[[], int]]:
        return [self._serve]

    def after_process_boot(self, broker: Broker) -> None:
        metrics.show_actors((actor.actor_name, actor.queue_name) for actor in broker.actors.values())

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        metrics.progress_started(message.actor_name, message.queue_name)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        metrics.progress_ended()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        metrics.progress_ended()
