"""RQ on Redis: started and finished jobs stay in registries for a while; results are not kept."""

from __future__ import annotations

import os
import sys

from redis import Redis
from rq import Queue  # type: ignore[import-not-found]

from benchmarks.peer_plays.counting import count_one

_CHUNK = 1_000


def noop() -> None:
    """Nothing."""
    count_one()


if __name__ == "__main__":
    queue = Queue("bench", connection=Redis.from_url(os.environ["BENCH_REDIS_URL"]))
    left = int(sys.argv[1])
    while left > 0:
        prepared = Queue.prepare_data("benchmarks.peer_plays.rq_play.noop", result_ttl=0)
        queue.enqueue_many([prepared] * min(left, _CHUNK))
        left -= _CHUNK
