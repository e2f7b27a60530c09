"""The broker of a Callboard process: `dramatiq actors.broker:setup actors` works as it is."""

from __future__ import annotations

import importlib
import sys
import threading
from types import FrameType

import dramatiq

from actors import health
from middleware import envelope_encoder, logs, stack, tracing
from middleware.configuration import redis_url, settings_in_force
from middleware.redis_broker import LedgerRedisBroker, redis_client
from policy.errors import CallboardError, SettingInvalid

_lock = threading.Lock()
_broker: LedgerRedisBroker | None = None


def setup() -> LedgerRedisBroker:
    """Set Dramatiq's global broker, then import the families; repeating it gives the same broker.

    Connects nothing: the servers are found by URL or through CALLBOARD_HOME. Raises SettingInvalid, ServersNotFound;
    called by Dramatiq's command line, which would make a traceback of them and exit 1, it says the one line on standard
    error and leaves with the exit code that our own commands have (2 for a setting, else 1).
    """
    try:
        with _lock:
            return _broker_of_this_process()
    except CallboardError as error:
        if _is_dramatiq(sys._getframe(1)):
            # Not `sys.stderr`: that is a pipe to the master, who leaves without reading it to its end.
            print(f"callboard: {error}", file=sys.__stderr__, flush=True)
            raise SystemExit(2 if isinstance(error, SettingInvalid) else 1) from None
        raise


def _broker_of_this_process() -> LedgerRedisBroker:
    global _broker  # noqa: PLW0603  # one broker a process is the point
    if _broker is None:
        logs.configure_from_environment()  # first, so that warnings about settings are lines like all others
        tracing.install()
        envelope_encoder.install()
        settings = settings_in_force()
        broker = LedgerRedisBroker(client=redis_client(redis_url(settings)), middleware=stack(health=health.serve))
        dramatiq.set_broker(broker)
        _broker = broker
        importlib.import_module("actors.families")  # its actors bind to the global broker
    return _broker


def _is_dramatiq(caller: FrameType) -> bool:
    """Whether `dramatiq actors.broker:setup` is at work: its worker processes call the function that it names."""
    return caller.f_globals.get("__name__") == "dramatiq.cli"
