"""Fills the queue before a round, in a process of its own: `python -m benchmarks.fill SYSTEM WORKLOAD COUNT`.

Messages are written as `actor.send()` writes them, many in a round trip; a workload by dispatch uses `dispatch_many`.
"""

from __future__ import annotations

import os
import sys

import redis
from dramatiq import Broker

from benchmarks.play import actor_of, broker_of
from benchmarks.workloads import WORKLOADS, Workload

#: Bytes of arguments, about, that one pipeline carries.
_PIPELINE_BYTES = 2_000_000
#: Messages written in one pipeline at most.
_PIPELINE = 2_000


def fill_by_send(broker: Broker, client: redis.Redis, workload: Workload, count: int) -> None:
    """Put `count` messages on the queue; the broker's enqueue hooks stamp them as in `send()`."""
    actor = actor_of(broker, workload.actor)
    size = 200 + sum(len(str(one)) for one in workload.args(0))
    chunk = max(1, min(_PIPELINE, _PIPELINE_BYTES // size))
    for start in range(0, count, chunk):
        with client.pipeline(transaction=False) as pipeline:
            for number in range(start, min(start + chunk, count)):
                message = actor.message_with_options(args=workload.args(number), **workload.options(number))
                broker.emit_before("enqueue", message, None)
                message = message.copy(options={"redis_message_id": message.message_id})
                pipeline.hset(f"dramatiq:{actor.queue_name}.msgs", message.message_id, message.encode())
                pipeline.rpush(f"dramatiq:{actor.queue_name}", message.message_id)
            pipeline.execute()


def fill_by_dispatch(broker: Broker, workload: Workload, count: int) -> None:
    """Dispatch `count` jobs in bulk."""
    from actors.dispatch import Job, dispatch_many  # noqa: PLC0415  # bare Dramatiq must not load it

    actor = actor_of(broker, workload.actor)
    dispatch_many(Job(actor, workload.args(number)) for number in range(count))


def main(argv: list[str]) -> int:
    """Fill as told."""
    system, workload, count = argv[0], WORKLOADS[argv[1]], int(argv[2])
    broker = broker_of(system)
    if workload.by_dispatch and system == "callboard":
        fill_by_dispatch(broker, workload, count)
    else:
        fill_by_send(broker, redis.Redis.from_url(os.environ["CALLBOARD_REDIS_URL"]), workload, count)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
