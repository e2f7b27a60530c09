"""A push that ends in time, whatever Redis does: a tick has no patience. It must not know windows."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import redis

from middleware.envelopes import released_copy
from middleware.redis_broker import LedgerRedisBroker, Push, redis_client
from models.ledger.release import Released


def push_within(limit_s: float, url: str, broker: LedgerRedisBroker, released: Sequence[Released]) -> str | None:
    """Make these copies ready, on a connection of its own, within `limit_s`; None when they are, else why not.

    Each wait of the connection is bounded, but a name look-up is not, and waits add up: so the whole is bounded, too.
    A push that comes through after that is harmless: its copies are stale by then.
    """
    if not released:
        return None
    pushing = _Pushing(limit_s, url, broker, released)
    pushing.start()
    pushing.join(limit_s)
    return pushing.error


class _Pushing(threading.Thread):
    """The push itself. Until it is through its error says that it took too long."""

    def __init__(self, limit_s: float, url: str, broker: LedgerRedisBroker, released: Sequence[Released]) -> None:
        super().__init__(name="timed-push", daemon=True)
        self.error: str | None = f"Redis did not answer within {limit_s:g} s"
        self._limit_s = limit_s
        self._url = url
        self._namespace: str = broker.namespace
        self._released = released

    def run(self) -> None:
        """Raises nothing."""
        try:
            with redis_client(self._url, timeout_s=self._limit_s) as client:
                # No middleware: its producers' hooks have run when the jobs were dispatched.
                broker = LedgerRedisBroker(client=client, middleware=[], namespace=self._namespace)
                copies = [(one, *released_copy(one)) for one in self._released]
                broker.push([Push(one.queue, name, message.encode()) for one, name, message in copies], bounded=False)
            self.error = None
        except (redis.RedisError, OSError, ValueError) as error:
            self.error = f"{type(error).__name__}: {error}"
