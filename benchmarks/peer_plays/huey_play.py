"""huey on Redis: a job leaves Redis when it is taken, so one that was running when its worker died is lost."""

from __future__ import annotations

import os
import sys

from huey import RedisHuey  # type: ignore[import-not-found]

from benchmarks.peer_plays.counting import count_one

huey = RedisHuey("bench", url=os.environ["BENCH_REDIS_URL"], results=False)
noop = huey.task(name="noop")(count_one)


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        noop()
