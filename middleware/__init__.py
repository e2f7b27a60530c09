"""How every message is intercepted: one file a concern, and here their order, with the reason for each place."""

from __future__ import annotations

from collections.abc import Callable

from dramatiq import Middleware


def stack(*, results: Middleware | None = None, health: Callable[[], int] | None = None) -> list[Middleware]:
    """The middleware list, in order, for a broker of your own; connects nothing.

    `results`: Dramatiq's Results middleware, if the application reads results through it (a job's row has its result
    in any case). `health`: what serves the health of this host's workers beside them, in the place of our own, which
    knows no schedule; it is forked by its import path.

    Give it as the whole `middleware=` of the broker and append nothing behind it: a time limit fires in whatever
    stands behind it (Dramatiq #445). Before-hooks run downwards, after-hooks upwards.

    Raises SettingInvalid for a setting that is not of its kind, ServersNotFound when no PostgreSQL is known.
    """
    # Imported here, so that using one concern of this package does not load all the others.
    from dramatiq.middleware import AgeLimit, CurrentMessage, Pipelines, ShutdownNotifications, TimeLimit

    from middleware.callbacks import LedgerCallbacks
    from middleware.claims import Claims
    from middleware.configuration import connect_database, settings_in_force
    from middleware.correlation import Correlation
    from middleware.dead_letters import DeadLetters
    from middleware.event_loop import EventLoop
    from middleware.failures import Failures
    from middleware.health_fork import Health
    from middleware.metrics_fork import Metrics, serve_with_gauges
    from middleware.tracing import Tracing, available

    connect_database(settings_in_force())
    return [
        Correlation(),  # first in, last out: whatever the others send or log belongs to the message
        CurrentMessage(),  # known to every hook and to the actor
        Metrics(serve_with_gauges),  # counts what the hooks below let through, and is not disturbed when they skip
        Health(health),  # nothing at a message: it brings the health server along
        Claims(),  # nothing below runs without a live claim; its after-hook sees what all below decided
        *([Tracing()] if available() else []),  # an attempt's span: from the claim until the verdict stands
        DeadLetters(),  # names the deaths that no verdict gave, before the claim is finished
        AgeLimit(),  # looks at the row's envelope, so only once there is a claim
        EventLoop(),  # of async actors
        LedgerCallbacks(),  # what it sends becomes jobs of the finish
        Pipelines(),  # the same
        *([results] if results is not None else []),  # before the verdict is acted on, after it is known
        Failures(max_retries=4),  # judges first of all after-hooks: everything above knows the verdict
        ShutdownNotifications(),  # interrupts actors only
        TimeLimit(),  # last: its deadline covers the actor and is cleared before any other after-hook
    ]
