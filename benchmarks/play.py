"""The brokers and actors of the measured systems, for `dramatiq benchmarks.play:callboard` and `…:bare`.

Bare Dramatiq runs where ours is not installed: what is ours is imported where it is chosen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import redis
from dramatiq import Broker, Middleware, Worker
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peer_plays.counting import count_one
from benchmarks.workloads import RETRY_AFTER_MS, WORK_S, fails

#: The one queue of all measured jobs.
QUEUE = "bench"
#: Where a worker process that is ready says its pid, and what it then waits for (on the measured system's Redis).
READY_KEY = "bench:ready"
GO_KEY = "bench:go"
#: Where the actor `started` says its number and the monotonic time of its start in ns.
STARTS_KEY = "bench:starts"

#: Each system with its own variables: `bare` is Dramatiq as it comes, `bare-hiredis` the same with the parser that ours
#: has, `bare-prefetch` has the prefetch that ours may reach (Dramatiq reads it when it is imported). Which Python runs
#: it: `benchmarks.pythons`.
SYSTEMS: dict[str, dict[str, str]] = {
    "bare": {},
    "bare-hiredis": {},
    "bare-prefetch": {"dramatiq_queue_prefetch": "1024"},
    "callboard": {},
}


class Barrier(Middleware):
    """Keeps every worker process from starting until all are there, so that none works alone for a while."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._client.rpush(READY_KEY, os.getpid())
        while not self._client.exists(GO_KEY):
            time.sleep(0.01)


def bare() -> Broker:
    """Dramatiq as it comes, on CALLBOARD_REDIS_URL, set as the global broker."""
    broker = RedisBroker(url=_redis_url())  # type: ignore[no-untyped-call]
    dramatiq.set_broker(broker)
    return _played(broker)


def callboard() -> Broker:
    """Ours as a user has it, the families of actors included."""
    from actors.broker import setup  # noqa: PLC0415  # bare Dramatiq must not load it

    return _played(setup())


def broker_of(system: str) -> Broker:
    """The broker of one of `SYSTEMS`, with the actors."""
    return callboard() if system == "callboard" else bare()


def actor_of(broker: Broker, name: str) -> dramatiq.Actor[Any, Any]:
    """One of the measured actors."""
    return broker.get_actor(name)


def _played(broker: Broker) -> Broker:
    client = redis.Redis.from_url(_redis_url())
    broker.add_middleware(Barrier(client), before=type(broker.middleware[0]))
    _declare("noop", _noop)
    _declare("io", _io)
    _declare("cpu", _cpu)
    _declare("payload", _payload)
    _declare("failing", _failing, max_retries=1, min_backoff=RETRY_AFTER_MS, max_backoff=RETRY_AFTER_MS)
    _declare("counted", count_one)
    _declare("started", _reporting(client))
    return broker


def _declare(name: str, call: Callable[..., None], **options: Any) -> None:
    dramatiq.actor(actor_name=name, queue_name=QUEUE, **options)(call)


def _redis_url() -> str:
    return os.environ["CALLBOARD_REDIS_URL"]


def _noop() -> None:
    """Nothing."""


def _payload(_text: str) -> None:
    """Nothing, with an argument."""


def _io() -> None:
    time.sleep(WORK_S)


def _cpu() -> None:
    """Processor time of this thread: waiting for the interpreter lock does not count."""
    until_s = time.thread_time() + WORK_S
    while time.thread_time() < until_s:
        sum(range(200))


def _failing(number: int) -> None:
    if fails(number):
        raise ValueError("one of ten")


def _reporting(client: redis.Redis) -> Callable[[int], None]:
    def started(number: int) -> None:
        client.rpush(STARTS_KEY, f"{number} {time.monotonic_ns()}")

    return started
