"""The seal: what is on its way out of the process is stopped, in every thread, and said; what is allowed passes."""

from __future__ import annotations

import os
import smtplib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from messaging.replay.sealing import Place, Sealed, places_of, sealed, was_sealed


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that nobody should reach: what connects to it waits in its backlog."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def heard(listener: socket.socket) -> bool:
    """Whether somebody has connected."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _udp(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(b"gone", ("127.0.0.1", port))


def _unix(_: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as out:
        out.connect("/nowhere/at/all")


WAYS_OUT: dict[str, Callable[[int], object]] = {
    "a connection": lambda port: socket.create_connection(("127.0.0.1", port), 1),
    "a mail": lambda port: smtplib.SMTP("127.0.0.1", port, timeout=1),
    "a copy in Redis": lambda port: redis.Redis(host="127.0.0.1", port=port).ping(),
    "a datagram": _udp,
    "a socket on this machine": _unix,
    "a name asked for": lambda _: socket.getaddrinfo("callboard.invalid", 25),
    "a program": lambda _: subprocess.run(["true"], check=True),
    "a shell": lambda _: os.system("true"),  # the tests' own
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_what_would_leave_is_stopped_and_said(listener: socket.socket, way: str) -> None:
    with sealed() as seal, pytest.raises(Exception) as caught:  # noqa: PT011  # libraries wrap it as they like
        WAYS_OUT[way](listener.getsockname()[1])

    assert was_sealed(caught.value)
    assert seal.stopped
    assert not heard(listener)


def test_another_thread_is_sealed_in_too(listener: socket.socket) -> None:
    raised: list[BaseException] = []

    def reach_out() -> None:
        try:
            socket.create_connection(listener.getsockname(), 1)
        except Sealed as error:
            raised.append(error)

    with sealed():
        thread = threading.Thread(target=reach_out)
        thread.start()
        thread.join()

    assert len(raised) == 1
    assert not heard(listener)


def test_the_allowed_place_is_reached_by_its_name_and_no_other_port_of_it(listener: socket.socket) -> None:
    port = listener.getsockname()[1]

    with socket.create_server(("127.0.0.1", 0)) as other, sealed(frozenset({Place("localhost", port)})) as seal:
        socket.create_connection(("localhost", port), 1).close()
        with pytest.raises(Sealed):
            socket.create_connection(other.getsockname(), 1)

    assert heard(listener)
    assert len(seal.stopped) == 1


def test_all_is_open_again_afterwards(listener: socket.socket) -> None:
    with sealed():
        pass

    socket.create_connection(listener.getsockname(), 1).close()

    assert heard(listener)


def test_a_process_is_sealed_once() -> None:
    with sealed(), pytest.raises(RuntimeError), sealed():
        pass


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://model.example/v1", Place("model.example", 80)),
        ("https://model.example/v1", Place("model.example", 443)),
        ("https://model.example:8443/v1", Place("model.example", 8443)),
    ],
)
def test_the_place_of_a_url_is_its_host_and_port(monkeypatch: pytest.MonkeyPatch, url: str, place: Place) -> None:
    monkeypatch.setenv("no_proxy", "*")

    assert places_of(url) == {place}


def test_a_proxy_that_the_environment_names_is_allowed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")

    assert places_of("https://model.example/v1") == {Place("model.example", 443), Place("proxy.example", 3128)}
