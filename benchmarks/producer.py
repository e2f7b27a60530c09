"""A producer that enqueues as fast as it can: `python -m benchmarks.producer MODE COUNT` prints jobs a second.

The ready list is emptied between segments, outside the measured time: nobody consumes here, and ours puts no more
than a bounded number of copies into Redis (a dispatch past the bound leaves its job to the relay).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import redis
from dramatiq import Actor

from benchmarks.play import QUEUE, actor_of, broker_of

#: Jobs between two emptyings in the modes that enqueue one by one: below the bound of the ready list (1,000).
_SEGMENT = 500
#: Jobs of one `dispatch_many`: one that fits into the ready list, and one of thousands.
_FITTING, _THOUSANDS = 1_000, 5_000
#: Dispatches in one transaction of a caller's.
_IN_ONE_TRANSACTION = 10

AnyActor = Actor[Any, Any]

#: Each mode: its system, jobs in a segment, and how a segment of so many jobs is enqueued.
Enqueue = Callable[[AnyActor, int], None]


def send(actor: AnyActor, jobs: int) -> None:
    """`send()`, one by one."""
    for _ in range(jobs):
        actor.send()


def dispatch_singly(actor: AnyActor, jobs: int) -> None:
    """`dispatch()`, one by one, each a transaction of its own."""
    from actors.dispatch import dispatch  # noqa: PLC0415  # bare Dramatiq must not load it

    for _ in range(jobs):
        dispatch(actor)
    _await_copies()


def dispatch_in_bulk(actor: AnyActor, jobs: int) -> None:
    """`dispatch_many()` of all at once."""
    from actors.dispatch import Job, dispatch_many  # noqa: PLC0415  # bare Dramatiq must not load it

    dispatch_many([Job(actor)] * jobs)
    _await_copies()


def dispatch_with_caller(actor: AnyActor, jobs: int) -> None:
    """One `dispatch()` in each transaction of the caller's, which also writes a row of its own."""
    _with_caller(actor, jobs, 1)


def dispatch_ten_with_caller(actor: AnyActor, jobs: int) -> None:
    """Ten `dispatch()` in each transaction of the caller's."""
    _with_caller(actor, jobs, _IN_ONE_TRANSACTION)


def _with_caller(actor: AnyActor, jobs: int, at_once: int) -> None:
    from actors.dispatch import dispatch  # noqa: PLC0415  # bare Dramatiq must not load it
    from models.database import atomic, query  # noqa: PLC0415  # the same

    for _ in range(0, jobs, at_once):
        with atomic():
            query("INSERT INTO bench_caller DEFAULT VALUES")
            for _ in range(at_once):
                dispatch(actor)
    _await_copies()


def _await_copies() -> None:
    """A segment ends when all copies are in Redis, counted and told: ours makes them behind the caller's back."""
    from middleware import enqueuer  # noqa: PLC0415  # bare Dramatiq must not load it

    if not enqueuer.finish(60):
        raise SystemExit("the copies were not made within 60 s")


#: Name in the results: system, jobs of a segment, call.
MODES: dict[str, tuple[str, int, Enqueue]] = {
    "bare send": ("bare", _SEGMENT, send),
    "bare send, hiredis": ("bare-hiredis", _SEGMENT, send),
    "callboard send": ("callboard", _SEGMENT, send),
    "callboard dispatch": ("callboard", _SEGMENT, dispatch_singly),
    "callboard dispatch in a transaction": ("callboard", _SEGMENT, dispatch_with_caller),
    "callboard dispatch 10 in a transaction": ("callboard", _SEGMENT, dispatch_ten_with_caller),
    "callboard dispatch_many 1000": ("callboard", _FITTING, dispatch_in_bulk),
    "callboard dispatch_many 5000": ("callboard", _THOUSANDS, dispatch_in_bulk),
}


def main(argv: list[str]) -> int:
    """Enqueue about COUNT jobs as told, after a first segment that is not measured; print jobs a second."""
    system, segment, enqueue = MODES[argv[0]]
    actor = actor_of(broker_of(system), "noop")
    client = redis.Redis.from_url(os.environ["CALLBOARD_REDIS_URL"])
    enqueue(actor, min(segment, _SEGMENT))
    spent_s, jobs = 0.0, 0
    while jobs < int(argv[1]):
        client.delete(f"dramatiq:{QUEUE}", f"dramatiq:{QUEUE}.msgs")
        began_s = time.perf_counter()
        enqueue(actor, segment)
        spent_s += time.perf_counter() - began_s
        jobs += segment
    print(jobs / spent_s)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
