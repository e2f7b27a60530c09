"""taskiq on a Redis stream: a message is acknowledged when its task has run; results are not kept."""

from __future__ import annotations

import asyncio
import os
import sys

from taskiq_redis import RedisStreamBroker  # type: ignore[import-not-found]

from benchmarks.peer_plays.counting import count_one

broker = RedisStreamBroker(os.environ["BENCH_REDIS_URL"])


async def _noop() -> None:
    count_one()


noop = broker.task(task_name="noop")(_noop)


async def fill(count: int) -> None:
    """Enqueue so many."""
    await broker.startup()
    for _ in range(count):
        await noop.kiq()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])))
