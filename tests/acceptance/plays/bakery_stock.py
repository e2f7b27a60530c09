"""The bakery as it was: Dramatiq's own broker and middleware, set before the actors are imported."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=os.environ["CALLBOARD_REDIS_URL"])  # type: ignore[no-untyped-call]
dramatiq.set_broker(broker)
