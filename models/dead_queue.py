"""Dramatiq's dead letters in Redis: `<queue>.XQ`, entries by the time of death, and their bytes beside them.

The only module of this package that knows Dramatiq's keys. The letter of record is the Postgres row; an entry is
removed after the row's move has committed, never before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NamedTuple, cast

import redis

#: Dramatiq's default namespace, which the broker keeps.
NAMESPACE = "dramatiq"


class Mark(NamedTuple):
    """An entry without its bytes: when it was put there, and its Redis id; in Redis's own order."""

    died_at_ms: float
    redis_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its Redis id, when it was put there, and its bytes (None: Redis has lost them)."""

    redis_id: str
    died_at_ms: float
    data: bytes | None

    @property
    def died_at(self) -> datetime:
        """By the clock of the worker that put it there."""
        return datetime.fromtimestamp(self.died_at_ms / 1000, timezone.utc)


def queues_with_dead(client: redis.Redis, *, namespace: str = NAMESPACE) -> list[str]:
    """Names of the queues that have entries, found by a scan of the keys. Raises redis.RedisError."""
    head, tail = f"{namespace}:", ".XQ"
    found = client.scan_iter(match=f"{head}*{tail}", count=1_000)
    return sorted({str(key, "utf-8", "replace")[len(head) : -len(tail)] for key in cast("list[bytes]", found)})


class DeadQueue:
    """The entries of one queue. Every method raises redis.RedisError."""

    def __init__(self, client: redis.Redis, queue: str, *, namespace: str = NAMESPACE) -> None:
        self._client = client
        self._entries = f"{namespace}:{queue}.XQ"
        self._bytes = f"{self._entries}.msgs"

    def count(self) -> int:
        """How many entries there are."""
        return int(self._client.zcard(self._entries))

    def page(self, after: Entry | None = None, limit: int = 100) -> list[Entry]:
        """At most `limit` entries behind `after`, the first died first."""
        return self.entries(self.marks(Mark(after.died_at_ms, after.redis_id) if after else None, limit))

    def marks(self, after: Mark | None = None, limit: int = 1_000) -> list[Mark]:
        """At most `limit` marks behind `after`, the first died first.

        Read by score, so that a page costs the same however deep, and an entry that has gone does not hide others.
        """
        floor, skipped = "-inf" if after is None else repr(after.died_at_ms), 0
        while True:
            found = self._read(self._client.zrangebyscore, floor, "+inf", skipped, limit)
            behind = [mark for mark in found if after is None or _place(mark) > _place(after)]
            # A whole page of one millisecond that was read before: look past it.
            if behind or len(found) < limit:
                return behind
            skipped += limit

    def newest_marks(
        self, before: Mark | None = None, limit: int = 1_000, *, since_ms: float | None = None
    ) -> list[Mark]:
        """At most `limit` marks before `before`, the last died first, none older than `since_ms`."""
        ceiling, floor = ("+inf" if before is None else repr(before.died_at_ms)), "-inf"
        if since_ms is not None:
            floor = repr(since_ms)
        skipped = 0
        while True:
            found = self._read(self._client.zrevrangebyscore, ceiling, floor, skipped, limit)
            behind = [mark for mark in found if before is None or _place(mark) < _place(before)]
            if behind or len(found) < limit:
                return behind
            skipped += limit

    def entries(self, marks: Sequence[Mark]) -> list[Entry]:
        """The entries of these marks, with their bytes."""
        if not marks:
            return []
        bodies = cast("list[bytes | None]", self._client.hmget(self._bytes, [mark.redis_id for mark in marks]))
        return [Entry(mark.redis_id, mark.died_at_ms, body) for mark, body in zip(marks, bodies, strict=True)]

    def mark(self, redis_id: str) -> Mark | None:
        """The mark of one entry, if it is there."""
        score = self._client.zscore(self._entries, redis_id)
        return None if score is None else Mark(score, redis_id)

    def absent(self, redis_ids: Sequence[str]) -> int:
        """How many of these have no entry."""
        with self._client.pipeline(transaction=False) as pipeline:
            for redis_id in redis_ids:
                pipeline.zscore(self._entries, redis_id)
            return sum(score is None for score in pipeline.execute())

    def remove(self, redis_id: str) -> bool:
        """Take one entry out with its bytes, both or neither; False when it was not there."""
        return self.remove_many([redis_id]) == 1

    def remove_many(self, redis_ids: Sequence[str]) -> int:
        """Take entries out with their bytes, all or none; gives how many were there."""
        if not redis_ids:
            return 0
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zrem(self._entries, *redis_ids)
            pipeline.hdel(self._bytes, *redis_ids)
            removed, _ = pipeline.execute()
        return int(removed)

    def _read(self, command: object, first: str, last: str, skipped: int, limit: int) -> list[Mark]:
        found = command(self._entries, first, last, start=skipped, num=limit, withscores=True)  # type: ignore[operator]
        return [Mark(score, name.decode("utf-8", "replace")) for name, score in found]


def _place(mark: Mark) -> tuple[float, bytes]:
    """Redis orders by score, then by the bytes of the name."""
    return mark.died_at_ms, mark.redis_id.encode()
