"""The bakery as it was: Dramatiq's own broker and middleware."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["CALLBOARD_REDIS_URL"]))

import bakery  # noqa: E402, F401  # actors bind to the broker that is set
