"""A kept connection gives each call its own answer, whatever happened to the call before."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator

import pytest
import redis

from middleware.kept_connection import KeptConnection
from middleware.redis_broker import redis_client
from tests.acceptance.waiting import until

ECHO = "return {ARGV[1]}"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis_client(redis_url)
    yield client
    client.close()


@pytest.fixture
def kept(client: redis.Redis) -> KeptConnection:
    return KeptConnection(client, client.register_script(ECHO))


def connections(client: redis.Redis) -> set[str]:
    return {str(one["id"]) for one in client.client_list()}


def test_thread_keeps_one_connection(kept: KeptConnection, client: redis.Redis) -> None:
    assert kept("k", ["one"]) == [b"one"]
    before = connections(client)

    assert [kept("k", [str(number)]) for number in range(3)] == [[b"0"], [b"1"], [b"2"]]

    assert connections(client) == before


def test_connection_that_the_server_closed_is_replaced(kept: KeptConnection, client: redis.Redis) -> None:
    kept("k", ["before"])
    client.client_kill_filter(skipme=True, _type="normal")

    assert kept("k", ["after"]) == [b"after"]


def test_script_that_was_forgotten_is_sent_whole(kept: KeptConnection, client: redis.Redis) -> None:
    kept("k", ["before"])
    client.script_flush()

    assert kept("k", ["after"]) == [b"after"]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, TimeoutError])
def test_answer_that_nobody_read_is_never_another_calls(
    kept: KeptConnection, interrupt: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept("k", ["before"])
    _, connection = kept._kept.connection

    def interrupted() -> object:
        monkeypatch.undo()
        raise interrupt

    monkeypatch.setattr(connection, "read_response", interrupted)
    with pytest.raises(interrupt):
        kept("k", ["unread"])

    assert kept("k", ["after"]) == [b"after"]


def test_refusal_is_raised_and_leaves_the_connection_whole(client: redis.Redis) -> None:
    kept = KeptConnection(
        client, client.register_script("if ARGV[1] == 'no' then return {err = 'OOM refused'} end return {ARGV[1]}")
    )
    kept("k", ["before"])
    before = connections(client)

    with pytest.raises(redis.ResponseError, match="refused"):
        kept("k", ["no"])

    assert kept("k", ["after"]) == [b"after"]
    assert connections(client) == before


def test_forked_child_takes_a_connection_of_its_own(kept: KeptConnection, client: redis.Redis) -> None:
    kept("k", ["before"])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, kept("k", ["child"])[0])
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 100) == b"child"
    assert kept("k", ["parent"]) == [b"parent"]
    os.close(reading)
    os.close(writing)


def test_connections_of_threads_that_have_ended_are_closed(kept: KeptConnection, client: redis.Redis) -> None:
    before = len(connections(client))

    gc.disable()  # a process may go on for long without a full collection
    try:
        for number in range(120):  # more than redis-py's pool has
            thread = threading.Thread(target=kept, args=("k", [str(number)]))
            thread.start()
            thread.join()

        assert kept("k", ["after"]) == [b"after"]
        until(lambda: len(connections(client)) <= before + 1, "the end of the others' connections")
    finally:
        gc.enable()


def test_pool_hands_out_no_connection_with_an_unread_answer(client: redis.Redis) -> None:
    connection = client.connection_pool.get_connection()
    connection.send_command("PING")  # type: ignore[no-untyped-call]
    assert connection.can_read(timeout=5), "the answer has come"
    client.connection_pool.release(connection)

    assert client.echo("after") == b"after"


def test_connection_that_is_dropped_in_the_midst_is_closed(
    kept: KeptConnection, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(connections(client))
    for _ in range(5):
        kept("k", ["before"])
        monkeypatch.setattr(kept._kept.connection[1], "read_response", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            kept("k", ["unread"])

    until(lambda: len(connections(client)) <= before, "the end of the dropped connections")


def test_answer_of_another_kind_is_no_answer(client: redis.Redis) -> None:
    kept = KeptConnection(client, client.register_script("return 1"))

    with pytest.raises(redis.ConnectionError, match="answered with int"):
        kept("k", ["one"])


def test_redis_that_is_away_is_said(kept: KeptConnection) -> None:
    away = redis_client("redis://127.0.0.1:1")

    with pytest.raises(redis.ConnectionError):
        KeptConnection(away, away.register_script(ECHO))("k", ["one"])
