"""The request's last byte: a failure before it did nothing, one with it or after it leaves the outcome open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpcore2 as http
import pytest

from messaging.provider_call import Answer, Endpoint, post
from policy.errors import NothingDone

ENDPOINT = Endpoint("http://provider.example/v1")
#: The request goes out in two writes: the headers, then the body.
HEADERS, BODY = 1, 2


class Wire(http.MockStream):
    """A connection that fails at the write of that number, and then has nothing to read."""

    def __init__(self, fails_at: int, error: BaseException, answer: bytes) -> None:
        super().__init__([answer] if answer else [])
        self._left, self._error = fails_at, error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._left -= 1
        if self._left == 0:
            raise self._error


def call(monkeypatch: pytest.MonkeyPatch, fails_at: int, error: BaseException, answer: bytes = b"") -> Answer:
    """A POST over such a wire."""

    class Wires(http.NetworkBackend):
        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> http.NetworkStream:
            return Wire(fails_at, error, answer)

    monkeypatch.setattr(http, "SyncBackend", Wires)
    return post(ENDPOINT, {}, b'{"text": "Hello"}', timeout_s=10)


@pytest.mark.parametrize(
    ("fails_at", "error"),
    [
        pytest.param(HEADERS, http.WriteError("reset"), id="reset in the headers"),
        pytest.param(HEADERS, http.WriteTimeout("late"), id="late in the headers"),
        pytest.param(BODY, http.WriteError("reset"), id="reset in the body, which is not whole then"),
        pytest.param(HEADERS, TimeoutError("late"), id="a time-out of the system's"),
    ],
)
def test_a_request_that_is_not_whole_did_nothing(
    monkeypatch: pytest.MonkeyPatch, fails_at: int, error: BaseException
) -> None:
    with pytest.raises(NothingDone):
        call(monkeypatch, fails_at, error)


def test_a_time_out_in_the_body_leaves_open_how_much_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(http.WriteTimeout):
        call(monkeypatch, BODY, http.WriteTimeout("late"))


def test_a_whole_request_without_an_answer_leaves_the_outcome_open(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(http.RemoteProtocolError):
        call(monkeypatch, 0, http.WriteError("never"))


def test_a_refusal_that_came_before_the_body_was_taken_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"

    answered = call(monkeypatch, BODY, http.WriteError("reset"), answer)

    assert answered == Answer(413, "7", b"")


def test_what_interrupts_the_last_write_is_not_taken_for_a_failure_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        call(monkeypatch, BODY, KeyboardInterrupt())
