"""The small server over real sockets: half requests, floods, garbage, bodies without end; and answers all the same."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from middleware import small_http
from middleware.small_http import BODY_BYTES, HEAD_BYTES, Refused, Reply, Request, SmallServer
from tests.integration.http_cases import DEADLINE_S, asked, connected, read_all, sent_raw, served

#: Patience of the servers of these tests, in s.
PATIENCE_S = 1.5
POST = b"POST /echo HTTP/1.1\r\nHost: h\r\n"


class Room:
    """What the tests ask: `/echo` answers at once, `/slow` when it is let, `/broken` never."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.admitted: list[Request] = []

    def admit(self, request: Request) -> None:
        self.admitted.append(request)
        if request.path == "/closed":
            raise Refused(Reply(401, {"error": "no"}))

    async def answer(self, request: Request) -> Reply:
        if request.path == "/broken":
            raise ValueError("s3cret-argument")
        while request.path == "/slow" and not self.let.is_set():  # noqa: ASYNC110  # let by the test's thread
            await asyncio.sleep(0.01)
        return Reply(200, {"method": request.method, "query": request.query, "body": request.body.decode()})


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def port(room: Room) -> Iterator[int]:
    with served(SmallServer(room.admit, room.answer, request_s=PATIENCE_S)) as port:
        yield port
        room.let.set()


def test_whole_request_is_handed_over(port: int) -> None:
    answer = asked(port, "/echo?a=b", "POST", b"{}")

    assert (answer.status, answer.page) == (200, {"method": "POST", "query": "a=b", "body": "{}"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_head_is_answered_without_a_body(port: int) -> None:
    came = sent_raw(port, b"HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n")

    head, _, body = came.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: " in head
    assert body == b""


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="a TLS handshake"),
        pytest.param(b"GET /echo\r\n\r\n", 400, id="HTTP/0.9"),
        pytest.param(b"GET /echo HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"GET /e HTTP/1.1\r\nHost: h\r\nA: " + b"a" * HEAD_BYTES * 2, 431, id="a head without end"),
        pytest.param(POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, id="2 lengths"),
        pytest.param(POST + b"Content-Length: 9999999999\r\n\r\n", 413, id="a huge body announced"),
        pytest.param(POST + b"Transfer-Encoding: gzip\r\n\r\n", 501, id="a strange encoding"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n1\r\nx\r\n",
            413,
            id="chunks past the limit",
        ),
        pytest.param(b"GET /e HTTP/1.1\r\nHost: h\r\nX: a\r\n b\x00c\r\n\r\n", 400, id="a control character"),
    ],
)
def test_what_is_no_request_of_ours_gets_its_status_and_the_next_one_is_answered(
    port: int, data: bytes, status: int
) -> None:
    came = sent_raw(port, data)

    assert came.startswith(b"HTTP/1.1 %d " % status), came[:200]
    assert asked(port, "/echo").status == 200


def test_body_past_the_limit_is_refused_although_more_is_still_sent(port: int) -> None:
    answer = asked(port, "/echo", "POST", b"x" * (BODY_BYTES + 1))

    assert answer.status == 413


def test_body_at_the_limit_is_taken(port: int) -> None:
    assert asked(port, "/echo", "POST", b"x" * BODY_BYTES).status == 200


def test_refusal_by_the_head_reads_no_body(port: int, room: Room) -> None:
    head = b"POST /closed HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"

    came = sent_raw(port, head)

    assert came.startswith(b"HTTP/1.1 401 ")
    assert room.admitted[0].body == b""


def test_client_that_waits_to_be_told_to_go_on_is_told(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        first = connection.recv(1_024)
        connection.sendall(b"{}")
        rest = read_all(connection)

    assert first.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200 " in first + rest


@pytest.mark.parametrize("half", [b"", b"GET /echo HT", POST + b"Content-Length: 9\r\n\r\n{"])
def test_half_a_request_is_given_up_after_its_time(port: int, half: bytes) -> None:
    came = sent_raw(port, half)

    assert came.startswith(b"HTTP/1.1 408 ")


def test_request_that_trickles_has_no_longer_than_one_that_is_silent(port: int) -> None:
    pause = threading.Event()
    with connected(port) as connection:
        for byte in b"GET /echo HTTP/1.1\r\nHost: h\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n":
            try:
                connection.sendall(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break
            pause.wait(0.03)
        came = read_all(connection)

    assert not came.startswith(b"HTTP/1.1 200 ")


def test_flood_of_half_requests_keeps_nobody_from_an_answer(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_http, "CONNECTIONS", 8)
    with served(SmallServer(room.admit, room.answer, request_s=DEADLINE_S * 10)) as port:
        flood = [connected(port) for _ in range(40)]
        for one in flood:
            one.sendall(b"GET /echo HTTP/1.1\r\nHost: ")

        answers = [asked(port, "/echo").status for _ in range(20)]

        assert answers == [200] * 20
        closed = [one for one in flood if _was_closed(one)]
        assert len(closed) >= 40 - 8
        for one in flood:
            one.close()


def _was_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.2)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_request_that_waits_for_its_answer_is_not_closed_to_make_room(
    port: int, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_http, "CONNECTIONS", 3)
    with connected(port) as waiting:
        waiting.sendall(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        while not room.admitted:
            threading.Event().wait(0.005)
        flood = [connected(port) for _ in range(10)]
        assert asked(port, "/echo").status == 200
        room.let.set()
        came = read_all(waiting)

    assert came.startswith(b"HTTP/1.1 200 ")
    for one in flood:
        one.close()


def test_answer_that_breaks_is_500_with_the_class_alone(port: int) -> None:
    answer = asked(port, "/broken")

    assert (answer.status, answer.page) == (500, {"error": "ValueError"})
