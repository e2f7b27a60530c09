"""What is said of an id that nothing in the ledger goes by, while a dead queue in Redis has an entry of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from policy.errors import NotFound, ServersNotFound
from policy.settings import Settings

#: Seconds that an answer waits for Redis: without it nothing but the hint is missing.
_REDIS_TIMEOUT_S = 2.0


@contextmanager
def strays_named(settings: Settings, text: str) -> Iterator[None]:
    """A NotFound raised within says how to take in the entry that `text` is the Redis id of, if there is one."""
    try:
        yield
    except NotFound as error:
        queue = _queue_of(settings, text)
        if queue is None:
            raise
        hint = f"an entry of {queue}.XQ in Redis does: `callboard dlq adopt {text}` makes it a letter"
        raise NotFound(f"{error}; {hint}") from error


def _queue_of(settings: Settings, redis_id: str) -> str | None:
    """The queue whose dead entry of this id the ledger does not know; None, too, while Redis is away."""
    # Takes as long as all else, and most ids are found.
    import redis

    from middleware.configuration import redis_url
    from middleware.dead_queue_sync import placed
    from middleware.redis_broker import redis_client
    from models.dead_queue import DeadQueue, queues_with_dead
    from policy.dead_entries import Standing

    try:
        client = redis_client(redis_url(settings), timeout_s=_REDIS_TIMEOUT_S)
        for name in queues_with_dead(client):
            queue = DeadQueue(client, name)
            mark = queue.mark(redis_id)
            if mark and any(one.standing is Standing.STRAY for one in placed(queue, name, [mark])):
                return name
    except (redis.RedisError, ServersNotFound):
        pass
    return None
