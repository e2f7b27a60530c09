"""Dramatiq's Redis broker with what its scripts lack: pushes that repeat harmlessly, fetches that name their ids,
and many acks in one call. It must not know the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple, cast
from uuid import uuid4

import redis
from dramatiq import Message, Middleware
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis, dq_name, q_name
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from middleware import follow_ups
from middleware.hook_calls import QuickHooks
from middleware.kept_connection import KeptConnection

#: Seconds that a Redis command may take. Longer than the longest blocking wait (1 s), shorter than anyone's patience.
SOCKET_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 2.0
#: Ready messages that a list holds at most while nobody has said better; the relay measures (docs/architecture.md).
READY_BOUND = 1_000
#: Dead-letter entries stay in Redis this long, in ms (the letter of record stays in Postgres).
DEAD_MESSAGE_TTL_MS = 30 * 86_400_000
#: A broker process silent for so long, in ms, loses what it fetched back to the queue when Dramatiq's own chance comes.
#: The relay sees to it after a lease.
HEARTBEAT_TIMEOUT_MS = 60_000


@dataclass(frozen=True, slots=True)
class Push:
    """A copy to be made ready: repeated under the same `redis_id` it is pushed once."""

    queue: str
    redis_id: str
    data: bytes


class Settled(NamedTuple):
    """A fetched copy whose job has been finished in the ledger: `dead` ones become dead-letter entries."""

    queue: str
    redis_id: str
    dead: bool = False


def redis_client(url: str, *, timeout_s: float = SOCKET_TIMEOUT_S) -> redis.Redis:
    """A client that never repeats a command by itself (a repeated script would push twice) and always times out.

    A Redis that has become a replica is a lost connection: the next call connects anew, and finds whoever leads now.
    """
    client = redis.Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, CONNECT_TIMEOUT_S),
        socket_keepalive=True,
        # They tie each connection into a ring, and a pool that has them hands out connections with unread answers.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    pool = client.connection_pool
    pool.connection_class = type("LeaderConnection", (_ToLeader, pool.connection_class), {})
    return client


class _ToLeader:
    """Goes before the class of a connection that the URL asks for: plain, TLS or a socket file."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]  # the class behind this one has it
        except redis.exceptions.ReadOnlyError as error:
            # It would stay open and be used again and again: a demotion closes no connection.
            self.disconnect()  # type: ignore[attr-defined]
            raise redis.ConnectionError(f"Redis is a replica now: {error}") from None


def ready_counts(client: redis.Redis, queues: Sequence[str], *, namespace: str = "dramatiq") -> dict[str, int]:
    """Lengths of the ready lists, in one round trip."""
    with client.pipeline(transaction=False) as pipeline:
        for queue in queues:
            pipeline.llen(f"{namespace}:{queue}")
        return {queue: int(count) for queue, count in zip(queues, pipeline.execute(), strict=True)}


class LedgerRedisBroker(QuickHooks, RedisBroker):
    """The broker that Callboard's workers and dispatchers share: one factory, so that all use the same time-outs."""

    def __init__(self, *, client: redis.Redis, middleware: list[Middleware], namespace: str = "dramatiq") -> None:
        super().__init__(
            client=client,
            middleware=middleware,
            namespace=namespace,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
            dead_message_ttl=DEAD_MESSAGE_TTL_MS,
        )
        for name in ("push", "fetch", "settle"):
            text = (files("middleware") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
            self.scripts[f"callboard_{name}"] = client.register_script(text)
        self._push = KeptConnection(client, self.scripts["callboard_push"])

    @property
    def consumer_class(self) -> type[Any]:
        # Imported here because the consumer needs this module's names.
        from middleware.consumer import LedgerConsumer  # noqa: PLC0415

        return LedgerConsumer

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue natively; what is enqueued while a job finishes becomes a job of that finish instead."""
        collected = follow_ups.collect(self, message, delay)
        return collected if collected is not None else super().enqueue(message, delay=delay)

    def do_enqueue(self, queue_name: str, redis_id: str, data: bytes) -> None:
        """Dramatiq's own enqueue, with the wake-up that an idle consumer waits for."""
        self.push([Push(queue_name, redis_id, data)], bounded=False)

    def enqueue_later(self, message: Message[Any], delay_ms: int) -> None:
        """Another copy of a fetched message, by way of the delay queue. No hook runs: they have run for this one."""
        options = {**message.options, "eta": current_millis() + delay_ms, "redis_message_id": str(uuid4())}
        later = message._replace(queue_name=dq_name(message.queue_name), options=options)
        self.push([Push(later.queue_name, options["redis_message_id"], later.encode())], bounded=False)

    def push(self, pushes: Sequence[Push], *, bounded: bool) -> list[bool]:
        """Make copies ready in one round trip; False for those that a full ready list (if `bounded`) turned away.

        Raises redis.RedisError; what was pushed then is unknown, and repeating it is harmless.
        """
        args: list[str | bytes | int] = [current_millis(), self.broker_id, READY_BOUND if bounded else 0]
        for one in pushes:
            args += [one.queue, one.redis_id, one.data]
        return [bool(taken) for taken in self._push(self.namespace, args)]

    def fetch(self, queue: str, count: int, budget_bytes: int = 0) -> list[tuple[str, bytes | None]]:
        """Take up to `count` ready copies into this broker's acks: redis id and bytes (None: its body is missing).

        No more of them once their bodies reach `budget_bytes` (0: any number), but one in any case.
        """
        args: list[str | bytes | int] = [current_millis(), self.broker_id, queue, count, budget_bytes]
        flat = self.scripts["callboard_fetch"](keys=[self.namespace], args=args)
        return [(flat[i].decode(), flat[i + 1] or None) for i in range(0, len(flat), 2)]

    def settle(self, settled: Sequence[Settled], *, along: Callable[[Any], None] | None = None) -> None:
        """Ack (or dead-letter) many copies in one round trip; `along` puts more commands on its pipeline.

        Repeating it is harmless: a copy that has gone is left alone.
        """
        args: list[str | bytes | int] = [current_millis(), self.broker_id]
        for one in settled:
            args += [one.queue, one.redis_id, int(one.dead)]
        script = self.scripts["callboard_settle"]
        try:
            self._settle(script.sha, args, along)
        except redis.exceptions.NoScriptError:
            # redis-py's own pipelines ask each time whether their scripts are there, which costs a round trip.
            self.client.script_load(script.script)
            self._settle(script.sha, args, along)

    def _settle(self, sha: str, args: Sequence[str | bytes | int], along: Callable[[Any], None] | None) -> None:
        with self.client.pipeline(transaction=False) as pipeline:
            if len(args) > 2:  # more than clock and broker
                pipeline.evalsha(sha, 1, self.namespace, *args)
            if along is not None:
                along(pipeline)
            answers = pipeline.execute(raise_on_error=False)
        if len(args) > 2 and isinstance(answers[0], redis.RedisError):
            # Only the acks matter: a status document that a full Redis refuses holds nothing up.
            raise answers[0]

    def wait_for_wake(self, queue: str, timeout_s: float) -> None:
        """Sleep until somebody pushes to `queue`, at most so long."""
        self.client.blpop([f"{self.namespace}:{queue}.wake"], timeout=timeout_s)

    def strands(self, queue: str) -> set[str]:
        """Redis ids that this broker has fetched from `queue` and not settled."""
        members = self.client.smembers(f"{self.namespace}:__acks__.{self.broker_id}.{queue}")
        return {str(member, "utf-8") for member in cast("set[bytes]", members)}

    def present(self, queue: str, redis_ids: Sequence[str]) -> list[bool]:
        """Which of these copies Redis still has, ready or fetched."""
        with self.client.pipeline(transaction=False) as pipeline:
            for one in redis_ids:
                pipeline.hexists(f"{self.namespace}:{queue}.msgs", one)
            return [bool(found) for found in pipeline.execute()]

    def ready_count(self, queue: str) -> int:
        """Length of the queue's ready list."""
        return int(self.client.llen(f"{self.namespace}:{queue}"))

    def ready_room(self, queue: str) -> int:
        """How many more ready messages the queue may hold now."""
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.llen(f"{self.namespace}:{queue}")
            pipeline.get(f"{self.namespace}:{queue}.bound")
            ready, bound = pipeline.execute()
        return max(0, int(bound or READY_BOUND) - int(ready))

    def set_ready_bound(self, queue: str, bound: int, ttl_s: int) -> None:
        """Say how many ready messages are about two seconds of work; forgotten after `ttl_s`."""
        self.client.set(f"{self.namespace}:{queue}.bound", bound, ex=ttl_s)

    def epoch(self) -> tuple[str, bool]:
        """The name of this Redis's memory, and whether it was made just now: a new one means that all was lost."""
        key = f"{self.namespace}:callboard.epoch"
        made = bool(self.client.set(key, str(uuid4()), nx=True))
        return str(cast("bytes | None", self.client.get(key)) or b"", "utf-8"), made

    def force_maintenance(self, queue: str, *, silent_s: float) -> None:
        """Give back what processes silent for so long had fetched: Dramatiq does it by chance, we by the clock."""
        for name in (q_name(queue), f"{q_name(queue)}.DQ"):
            args: list[str | bytes | int] = [
                "qsize",
                current_millis(),
                name,
                self.broker_id,
                int(silent_s * 1000),
                self.dead_message_ttl,
                1,
                self._max_unpack_size(),  # type: ignore[no-untyped-call]
            ]
            self.scripts["dispatch"](keys=[self.namespace], args=args)
