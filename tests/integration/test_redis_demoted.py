"""A Redis that became a replica while connections to it were open is left: the next call connects anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from middleware.redis_broker import LedgerRedisBroker, Push, Settled, redis_client

Call = Callable[[LedgerRedisBroker], object]

CALLS: dict[str, Call] = {
    "push": lambda broker: broker.push([Push("default", "r-1", b"{}")], bounded=True),
    "fetch": lambda broker: broker.fetch("default", 1),
    "settle": lambda broker: broker.settle([Settled("default", "r-1")]),
    "any command": lambda broker: broker.client.set("key", "value"),
}


@pytest.fixture
def broker(redis_client: redis.Redis, environment: dict[str, str]) -> Iterator[LedgerRedisBroker]:
    client = connected(environment["CALLBOARD_REDIS_URL"])
    yield LedgerRedisBroker(client=client, middleware=[])
    client.close()


def connected(url: str) -> redis.Redis:
    return redis_client(url)


@pytest.fixture
def demoted(redis_client: redis.Redis) -> Iterator[Callable[[], None]]:
    """Demotes the server when called; it leads again afterwards."""
    yield lambda: redis_client.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
    redis_client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_call_to_a_replica_is_a_lost_connection_and_the_next_one_connects_anew(
    broker: LedgerRedisBroker, redis_client: redis.Redis, demoted: Callable[[], None], call: Call
) -> None:
    call(broker)
    before = {one["id"] for one in redis_client.client_list()}

    demoted()
    with pytest.raises(redis.ConnectionError, match="a replica now"):
        call(broker)
    redis_client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
    call(broker)

    after = {one["id"] for one in redis_client.client_list()}
    assert after - before, "a connection of its own"
    assert before - after, "which replaced the one to the replica"
