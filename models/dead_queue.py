"""Dramatiq's dead letters in Redis: `<queue>.XQ`, entries by the time of death, and their bytes beside them.

The only module of this package that knows Dramatiq's keys. The letter of record is the Postgres row; an entry is
removed after the row's move has committed, never before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import cast

import redis

#: Dramatiq's default namespace, which the broker keeps.
NAMESPACE = "dramatiq"


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
        """At most `limit` entries behind `after`, the first died first.

        Read by score, so that a page costs the same however deep, and an entry that has gone does not hide others.
        """
        floor = "-inf" if after is None else repr(after.died_at_ms)
        skipped = 0
        while True:
            found = cast(
                "list[tuple[bytes, float]]",
                self._client.zrangebyscore(self._entries, floor, "+inf", start=skipped, num=limit, withscores=True),
            )
            behind = [(name, score) for name, score in found if after is None or _is_behind(name, score, after)]
            # A whole page of one millisecond that was read before: look past it.
            if behind or len(found) < limit:
                return self._with_bytes(behind)
            skipped += limit

    def remove(self, redis_id: str) -> bool:
        """Take one entry out with its bytes, both or neither; False when it was not there."""
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zrem(self._entries, redis_id)
            pipeline.hdel(self._bytes, redis_id)
            removed, _ = pipeline.execute()
        return bool(removed)

    def _with_bytes(self, found: list[tuple[bytes, float]]) -> list[Entry]:
        if not found:
            return []
        bodies = cast("list[bytes | None]", self._client.hmget(self._bytes, [name.decode() for name, _ in found]))
        return [Entry(name.decode(), score, body) for (name, score), body in zip(found, bodies, strict=True)]


def _is_behind(name: bytes, score: float, after: Entry) -> bool:
    """Redis orders by score, then by the bytes of the name."""
    return (score, name) > (after.died_at_ms, after.redis_id.encode())
