"""The bakery as it was: Dramatiq's own broker and middleware."""

from __future__ import annotations

import importlib
import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["CALLBOARD_REDIS_URL"]))

importlib.import_module("bakery")  # its actors bind to the broker that is set
