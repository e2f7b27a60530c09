"""Celery: BENCH_VARIANT is `plain` (acked when taken, no results), `late` (acked when done) or `results` (kept)."""

from __future__ import annotations

import os
import sys

from celery import Celery  # type: ignore[import-not-found]

from benchmarks.peer_plays.counting import count_one

_VARIANT = os.environ.get("BENCH_VARIANT", "plain")

app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"])
app.conf.update(
    task_ignore_result=_VARIANT != "results",
    task_acks_late=_VARIANT == "late",
    task_reject_on_worker_lost=_VARIANT == "late",
    # The optimizing guide: many short tasks want a large multiplier, "try 64 or 128".
    worker_prefetch_multiplier=64,
)
if _VARIANT == "results":
    app.conf.result_backend = os.environ["BENCH_DATABASE_URL"].replace("postgresql://", "db+postgresql+psycopg2://")

noop = app.task(count_one, name="noop")


if __name__ == "__main__":
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(int(sys.argv[1])):
            noop.apply_async(producer=producer)
