"""The broker of a Callboard process: `dramatiq actors.broker:setup actors` works as it is."""

from __future__ import annotations

import importlib
import threading

import dramatiq

from actors import health
from middleware import envelope_encoder, logs, stack, tracing
from middleware.configuration import redis_url, settings_in_force
from middleware.redis_broker import LedgerRedisBroker, redis_client

#: One module a family of actors; they bind to the global broker when they are imported.
FAMILIES: tuple[str, ...] = (
    "actors.inbound",
    "actors.auto_send",
    "actors.scoring",
    "actors.conversations",
    "actors.background",
)

_lock = threading.Lock()
_broker: LedgerRedisBroker | None = None


def setup() -> LedgerRedisBroker:
    """Set Dramatiq's global broker, then import the families; repeating it gives the same broker.

    Connects nothing: the servers are found by URL or through CALLBOARD_HOME. Raises SettingInvalid, ServersNotFound.
    """
    global _broker  # noqa: PLW0603  # one broker a process is the point
    with _lock:
        if _broker is None:
            logs.configure_from_environment()  # first, so that warnings about settings are lines like all others
            tracing.install()
            envelope_encoder.install()
            settings = settings_in_force()
            broker = LedgerRedisBroker(client=redis_client(redis_url(settings)), middleware=stack(health=health.serve))
            dramatiq.set_broker(broker)
            _broker = broker
            for family in FAMILIES:
                importlib.import_module(family)
        return _broker
