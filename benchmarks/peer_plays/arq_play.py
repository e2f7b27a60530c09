"""arq: jobs in Redis, run at least once (a job leaves its queue when it has run); results are not kept."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, ClassVar

from arq import create_pool  # type: ignore[import-not-found]
from arq.connections import RedisSettings  # type: ignore[import-not-found]
from arq.worker import func  # type: ignore[import-not-found]

from benchmarks.peer_plays.counting import count_one

_REDIS = RedisSettings.from_dsn(os.environ["BENCH_REDIS_URL"])


async def noop(_context: dict[str, Any]) -> None:
    """Nothing."""
    count_one()


class WorkerSettings:
    """Read by `arq`. With its defaults (10 jobs, a poll each half second) it would mostly sleep."""

    functions: ClassVar[list[Any]] = [func(noop, keep_result=0)]
    redis_settings = _REDIS
    max_jobs = 100
    poll_delay = 0.01


async def fill(count: int) -> None:
    """Enqueue so many."""
    pool = await create_pool(_REDIS)
    for _ in range(count):
        await pool.enqueue_job("noop")
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])))
