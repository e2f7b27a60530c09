"""Dramatiq's dead letters in Redis: read in pages by the time of death, removed whole."""

from __future__ import annotations

from datetime import datetime, timezone

import redis

from models.dead_queue import DeadQueue, Entry


def dead(client: redis.Redis, redis_id: str, at_ms: int, data: bytes | None = b"{}") -> None:
    """An entry as Dramatiq leaves it."""
    client.zadd("dramatiq:default.XQ", {redis_id: at_ms})
    if data is not None:
        client.hset("dramatiq:default.XQ.msgs", redis_id, data)


def all_ids(queue: DeadQueue, limit: int) -> list[str]:
    found: list[Entry] = []
    while page := queue.page(found[-1] if found else None, limit):
        found += page
        assert len(found) < 100, "the pages do not end"
    return [entry.redis_id for entry in found]


def test_pages_hold_each_entry_once_oldest_first_also_where_times_are_equal(redis_client: redis.Redis) -> None:
    for name, at_ms in (("c", 1), ("a", 2), ("b", 2), ("d", 2), ("e", 2), ("f", 3)):
        dead(redis_client, name, at_ms)
    queue = DeadQueue(redis_client, "default")

    found = [all_ids(queue, limit) for limit in (1, 2, 3, 6, 7)]

    assert found == [["c", "a", "b", "d", "e", "f"]] * 5


def test_entry_that_went_between_two_pages_hides_no_other(redis_client: redis.Redis) -> None:
    for number in range(6):
        dead(redis_client, f"m{number}", number)
    queue = DeadQueue(redis_client, "default")
    first = queue.page(limit=2)

    queue.remove("m0")
    queue.remove("m1")

    assert [entry.redis_id for entry in queue.page(first[-1], limit=2)] == ["m2", "m3"]


def test_entry_tells_when_it_died_and_what_it_held(redis_client: redis.Redis) -> None:
    dead(redis_client, "m", 1_771_365_120_000, b"\xff\x00")
    dead(redis_client, "n", 1_771_365_120_001, None)

    whole, torn = DeadQueue(redis_client, "default").page()

    assert whole.data == b"\xff\x00"
    assert whole.died_at == datetime(2026, 2, 17, 21, 52, tzinfo=timezone.utc)
    assert torn.data is None


def test_removing_takes_entry_and_bytes_and_says_whether_it_was_there(redis_client: redis.Redis) -> None:
    dead(redis_client, "m", 1)
    dead(redis_client, "n", 2)
    queue = DeadQueue(redis_client, "default")

    removed = [queue.remove("m"), queue.remove("m")]

    assert removed == [True, False]
    assert queue.count() == 1
    assert redis_client.hkeys("dramatiq:default.XQ.msgs") == [b"n"]
