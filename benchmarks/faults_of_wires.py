"""Faults of wire and memory: replies that are lost, a Redis that remembers less than it said. Each in a world."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import redis

from benchmarks.faults_world import OURS, World
from rehearsal.troupe import until

#: What a worker sends for a claim, for an effect's intent, for a finish.
_COMMITS = (b"EXECUTE claim_jobs", b"COMMIT", b"EXECUTE finish_jobs")

#: Everything a Redis holds: each key with its milliseconds to live and its value as DUMP gives it.
_Memory = list[tuple[bytes, int, bytes]]


def lost_reply_to_enqueue(world: World) -> None:
    (name,) = world.names(1)
    world.redis_cable.swallow_reply_to(name.encode())
    world.strike()
    world.send("work", [name, 0], key=name)
    world.workers()


def lost_reply_to_fetch(world: World) -> None:
    world.send_many("work", world.names(4), 0)
    script = (files("middleware") / "lua" / "fetch.lua").read_bytes()
    part = hashlib.sha1(script).hexdigest().encode() if world.system == OURS else b"fetch"
    world.redis_cable.swallow_reply_to(part)
    world.strike()
    world.workers()


def lost_replies_to_commits(world: World) -> None:
    """A claim, an intent and a finish are committed, and their worker is not told."""
    world.send_many("work", world.names(12), 200)
    world.strike()
    for number, part in enumerate(_COMMITS):
        world.database_cable.swallow_reply_to(part)
        if number == 0:
            world.workers()
        until(lambda: world.database_cable.swallowed > number, f"a lost reply to {part.decode()}")  # noqa: B023


def redis_failover(world: World) -> None:
    """A replica takes over that lags behind: what was pushed, fetched and acked of late has never been."""
    early, late = world.names(48), world.names(8, 48)
    world.send_many("work", early, 500)
    world.workers()
    until(lambda: len(world.started()) >= 6, "the middle of the work")
    with redis.Redis.from_url(world.servers.redis_url) as client:
        memory = _memory_of(client)
        world.send_many("work", late, 300)
        world.strike()
        _remember(client, memory)


def _memory_of(client: redis.Redis) -> _Memory:
    keys = list(client.scan_iter(count=1000))
    dumped = [(key, max(0, client.pttl(key)), client.dump(key)) for key in keys]
    return [(key, ttl_ms, value) for key, ttl_ms, value in dumped if value is not None]


def _remember(client: redis.Redis, memory: _Memory) -> None:
    """The older memory takes the place of the newer, all at once."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.flushall()
        for key, ttl_ms, value in memory:
            pipeline.restore(key, ttl_ms, value)
        pipeline.execute()
