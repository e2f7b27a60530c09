"""What is read while systems are measured: how much is done, and what it cost PostgreSQL and Redis.

Its own questions are left out of the costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

import psycopg2
import redis

from benchmarks.ground import Ground, RoundFailed
from benchmarks.play import QUEUE
from benchmarks.workloads import Workload

#: The rate is taken between these shares of a round's jobs: starting up and running dry are not a worker's speed.
_FROM_SHARE, _TO_SHARE = 0.2, 0.9
#: A round that gets nothing done for so many s has failed.
_STALLED_S = 60.0


class Watched(Protocol):
    """What can say that it has ended too early."""

    def check(self) -> None:
        """Raises RoundFailed."""


class Costs(NamedTuple):
    """Counters of the servers, or the difference of two readings."""

    commits: int
    redis_reads: int
    redis_commands: int

    def since(self, before: Costs) -> Costs:
        """What was spent from `before` on."""
        return Costs(*(mine - other for mine, other in zip(self, before, strict=True)))


class _Look(NamedTuple):
    """So many jobs were finished at this monotonic time."""

    at_s: float
    finished: int


class Meter:
    """Counts a round's finished jobs and reads the servers' counters; the connections are its own."""

    def __init__(self, ground: Ground, workload: Workload, system: str, count: int) -> None:
        self._client = ground.redis()
        self._connection = psycopg2.connect(ground.database_url)
        self._connection.autocommit = True
        self._by_rows = workload.by_rows and system == "callboard"
        self._count = count
        self._own_commits = self._own_reads = 0

    def close(self) -> None:
        """Let go of the servers."""
        self._client.close()
        self._connection.close()

    @property
    def patience_s(self) -> float:
        """Between two looks: counting rows costs PostgreSQL a scan, counting in Redis nearly nothing."""
        return 0.1 if self._by_rows else 0.02

    def done(self) -> int:
        """Jobs that are final: by their rows, or because their copies have been acked."""
        if self._by_rows:
            return self._rows("SELECT count(*) FROM background_job WHERE finished_at IS NOT NULL")
        return self._count - self.left_in_redis()

    def left_in_redis(self) -> int:
        """Copies that Redis still holds, ready, fetched or delayed."""
        self._own_reads += 1
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hlen(f"dramatiq:{QUEUE}.msgs")
            pipeline.hlen(f"dramatiq:{QUEUE}.DQ.msgs")
            return sum(pipeline.execute())

    def final_rows(self) -> int:
        """Jobs that the ledger calls final."""
        return self._rows("SELECT count(*) FROM background_job WHERE finished_at IS NOT NULL")

    def costs(self) -> Costs:
        """The servers' counters now, without what this meter asked itself.

        PostgreSQL learns of a session's last commits when the session ends: read it before and after the workers.
        """
        commits = self._rows("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        stats = cast("dict[str, int]", self._client.info("stats"))
        self._own_reads += 1
        return Costs(
            commits - self._own_commits,
            stats["total_reads_processed"] - self._own_reads,
            stats["total_commands_processed"],
        )

    def _rows(self, statement: str) -> int:
        self._own_commits += 1
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])


def steady_rate(done: Callable[[], int], count: int, watched: Watched, *, patience_s: float) -> float:
    """Jobs a second between the first fifth and the last tenth of `count`; returns when all are done.

    Raises RoundFailed when nothing moves any more, or when the round is too short to be measured.
    """
    looks = _looks(done, count, watched, patience_s)
    first = next(look for look in looks if look.finished >= count * _FROM_SHARE)
    last = next(look for look in looks if look.finished >= count * _TO_SHARE)
    if last.at_s <= first.at_s:
        raise RoundFailed(f"{count} jobs are done too soon to be measured: take a larger --count")
    return (last.finished - first.finished) / (last.at_s - first.at_s)


def _looks(done: Callable[[], int], count: int, watched: Watched, patience_s: float) -> list[_Look]:
    looks = [_Look(time.monotonic(), 0)]
    moved_s = looks[0].at_s
    while looks[-1].finished < count:
        watched.check()
        look = _Look(time.monotonic(), done())
        if look.finished > looks[-1].finished:
            moved_s = look.at_s
        elif look.at_s - moved_s > _STALLED_S:
            raise RoundFailed(f"{look.finished} of {count} jobs were done, then nothing for {_STALLED_S:.0f} s")
        looks.append(look)
        time.sleep(patience_s)
    return looks


def redis_version(client: redis.Redis) -> str:
    """Name and version of the measured Redis."""
    info = cast("dict[str, str]", client.info("server"))
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"
