"""One worker process with eight threads that works off a filled queue of no-op jobs and prints how long it took.

Run as `python -m benchmarks.noop_worker SYSTEM COUNT THREADS`; SYSTEM is one of `SYSTEMS`. Logs go to stderr.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

import dramatiq
import redis
from dramatiq import Broker, Worker
from dramatiq.brokers.redis import RedisBroker

#: Each system with its own environment: `bare` is Dramatiq as it comes, `bare-prefetch` has the prefetch that ours may
#: reach (Dramatiq reads it when it is imported).
SYSTEMS: dict[str, dict[str, str]] = {
    "bare": {},
    "bare-prefetch": {"dramatiq_queue_prefetch": "256"},
    "callboard": {},
}
#: Messages written in one pipeline while filling.
_FILL = 2_000


def broker_of(system: str) -> Broker:
    """The broker of `system` on CALLBOARD_REDIS_URL, set as the global one."""
    if system == "callboard":
        from actors.broker import setup  # noqa: PLC0415  # bare Dramatiq must not load it

        return setup()
    broker = RedisBroker(url=os.environ["CALLBOARD_REDIS_URL"])  # type: ignore[no-untyped-call]
    dramatiq.set_broker(broker)
    return broker


def fill(client: redis.Redis, actor: dramatiq.Actor[[], None], count: int) -> None:
    """Put `count` messages on the queue as `actor.send()` writes them, many in a round trip."""
    for start in range(0, count, _FILL):
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(start, min(start + _FILL, count)):
                message = actor.message()
                message = message.copy(options={"redis_message_id": message.message_id})
                pipeline.hset(f"dramatiq:{actor.queue_name}.msgs", message.message_id, message.encode())
                pipeline.rpush(f"dramatiq:{actor.queue_name}", message.message_id)
            pipeline.execute()


def work_off(broker: Broker, client: redis.Redis, queue: str, count: int, threads: int) -> float:
    """Start a worker and give the seconds until the queue's last message was acked, from the first on."""
    broker.emit_after("process_boot")
    worker = Worker(broker, worker_threads=threads)
    worker.start()
    key = f"dramatiq:{queue}.msgs"
    left = counted = count
    began_s = time.monotonic()
    while left:
        time.sleep(0.02)
        left = int(client.hlen(key))
        if counted == count and left < count:
            # From the first ack on: starting a worker is not its speed.
            began_s, counted = time.monotonic(), left
    seconds = time.monotonic() - began_s
    worker.stop()
    return seconds * count / counted if counted else seconds


def main(argv: list[str]) -> int:
    """Fill, work off, print one JSON object: seconds, jobs a second, largest memory in MiB."""
    system, count, threads = argv[0], int(argv[1]), int(argv[2])
    broker = broker_of(system)
    actor: dramatiq.Actor[[], None] = dramatiq.actor(actor_name="noop", queue_name="bench")(_noop)
    client = redis.Redis.from_url(os.environ["CALLBOARD_REDIS_URL"])
    client.flushdb()
    fill(client, actor, count)
    seconds = work_off(broker, client, "bench", count, threads)
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "jobs_per_s": count / seconds, "memory_mib": memory_mib}))
    return 0


def _noop() -> None:
    """Nothing."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
