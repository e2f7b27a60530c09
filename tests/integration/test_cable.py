"""The cable of the fault harness: it forwards, it is cut, it swallows the one reply it was asked to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis

from benchmarks.cable import Cable, cable_to
from middleware.redis_broker import redis_client as client_of
from tests.ledger_cases import until


@pytest.fixture
def wired(redis_url: str, redis_client: redis.Redis) -> Iterator[tuple[Cable, redis.Redis]]:
    """A cable to the session's Redis and a client at its end that repeats nothing."""
    with cable_to(redis_url) as (cable, url), client_of(url) as client:
        yield cable, client


def test_what_goes_in_comes_out(wired: tuple[Cable, redis.Redis], redis_client: redis.Redis) -> None:
    _, client = wired

    client.set("a", "b" * 200_000)

    assert redis_client.strlen("a") == 200_000
    assert len(client.get("a") or b"") == 200_000


def test_cut_breaks_what_stands_and_lets_new_connections_through(
    wired: tuple[Cable, redis.Redis], redis_client: redis.Redis
) -> None:
    cable, client = wired
    broken = threading.Event()

    def wait() -> None:
        with suppress(redis.ConnectionError):
            client.blpop(["nothing"], timeout=4)
            return
        broken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: redis_client.info("clients")["blocked_clients"], "a command on its way")
    cut = cable.cut()
    thread.join(10)

    assert broken.is_set()
    assert cut >= 1
    assert client.ping()


def test_swallowed_reply_is_lost_and_its_request_is_not(
    wired: tuple[Cable, redis.Redis], redis_client: redis.Redis
) -> None:
    cable, client = wired
    cable.swallow_reply_to(b"the-one")

    client.incr("another")
    with pytest.raises(redis.ConnectionError):
        client.incr("the-one")
    after = client.incr("the-one")

    assert after == 2
    assert cable.swallowed == 1
