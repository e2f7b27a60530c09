"""The HTTP provider: what is asked of it, and what is known after each way in which it can fail."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from messaging.provider import OutgoingText, ProviderAnswerUnusable, ProviderRefused, read_provider_url, send_text
from messaging.provider_call import ANSWER_BYTES
from policy.effects import definitely_refused
from policy.errors import NothingDone, Terminal
from policy.verdicts import Budgets, Verdict, VerdictKind, classify
from tests.unit.scripted_provider import Act, Says, ScriptedProvider, cut, reset

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SMS = OutgoingText("sms", "+4915112345678", "Grüße, Ada 🙂", part=2, parts=3, sender="+4930123456", in_reply_to="SM1")
KEY = "reply:5b0c:2"


def send(
    provider: ScriptedProvider, message: OutgoingText = SMS, *, token: str | None = None, timeout_s: float = 10
) -> str:
    return send_text(read_provider_url(provider.url, token), message, KEY, timeout_s=timeout_s)


def verdict_on(error: BaseException) -> Verdict:
    return classify(error, 1, Budgets(attempts_spent=0, attempts_allowed=3), now=NOON)


def test_a_message_is_asked_for_in_json_under_its_key() -> None:
    with ScriptedProvider() as provider:
        name = send(provider)

    (asked,) = provider.asked
    assert name == "p-1"
    assert asked.key == KEY
    assert asked.path == "/v1/messages"
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.body == {
        "channel": "sms",
        "to": "+4915112345678",
        "from": "+4930123456",
        "text": "Grüße, Ada 🙂",
        "part": 2,
        "parts": 3,
        "in_reply_to": "SM1",
    }


def test_a_linkedin_message_names_its_conversation() -> None:
    message = OutgoingText("linkedin", "urn:li:person:a-1", "Hello", thread="th-9")

    with ScriptedProvider() as provider:
        send(provider, message)

    assert provider.asked[0].body["thread"] == "th-9"
    assert provider.asked[0].body["to"] == "urn:li:person:a-1"


def test_a_token_goes_along_as_bearer() -> None:
    with ScriptedProvider() as provider:
        send(provider, token="s3cret")

    assert provider.asked[0].headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_definite_refusal_did_nothing_and_is_terminal(status: int) -> None:
    with (
        ScriptedProvider(Says(status, b"no, because Ada wrote")) as provider,
        pytest.raises(ProviderRefused) as refused,
    ):
        send(provider)

    assert definitely_refused(refused.value)
    assert verdict_on(refused.value).kind is VerdictKind.TERMINAL
    assert "Ada" not in str(refused.value)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "retry_after", ["90", (NOON + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")], ids=["seconds", "date"]
)
def test_retry_after_is_waited_for_and_nothing_was_done(status: int, retry_after: str) -> None:
    answer = Says(status, headers={"Retry-After": retry_after})

    with ScriptedProvider(answer) as provider, pytest.raises(ProviderRefused) as refused:
        send(provider)

    verdict = verdict_on(refused.value)
    assert (verdict.kind, verdict.wait_s) == (VerdictKind.THROTTLED, 90.0)
    assert definitely_refused(refused.value)


def test_too_many_requests_without_a_time_is_throttled() -> None:
    with ScriptedProvider(Says(429)) as provider, pytest.raises(ProviderRefused) as refused:
        send(provider)

    assert verdict_on(refused.value).kind is VerdictKind.THROTTLED


@pytest.mark.parametrize("status", [408, 409, 500, 502, 504])
def test_what_may_come_from_in_between_leaves_the_outcome_open_and_is_retried(status: int) -> None:
    with ScriptedProvider(Says(status)) as provider, pytest.raises(ProviderRefused) as refused:
        send(provider)

    assert not definitely_refused(refused.value)
    assert verdict_on(refused.value).kind is VerdictKind.RETRY


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with ScriptedProvider() as other:
        answer = Says(status, headers={"Location": other.url})
        with ScriptedProvider(answer) as provider, pytest.raises(Terminal, match="elsewhere"):
            send(provider)

    assert other.asked == []


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(cut, id="cut after the request"),
        pytest.param(reset, id="reset after the request"),
        pytest.param(Says(claimed=500), id="answer cut midway"),
        pytest.param(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le"), id="headers cut midway"),
        pytest.param(lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n"), id="another protocol"),
        pytest.param(Says(body=b'{"id": "' + b"x" * ANSWER_BYTES + b'"}'), id="endless answer"),
    ],
)
def test_a_failure_after_the_request_leaves_the_outcome_open(act: Act) -> None:
    with ScriptedProvider(act) as provider, pytest.raises(Exception, match=r".") as lost:
        send(provider)

    assert len(provider.asked) == 1
    assert not definitely_refused(lost.value)
    assert verdict_on(lost.value).rule in {"connection", "timeout"}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Says(body=b"<html>welcome to our hotel</html>"), id="a page"),
        pytest.param(Says(body=b""), id="nothing"),
        pytest.param(Says(204, b""), id="no content"),
        pytest.param(Says(body=b"[]"), id="a list"),
        pytest.param(Says(body=b'{"error": "Ada"}'), id="an error that calls itself a success"),
        pytest.param(Says(body=b'{"id": null}'), id="no name"),
        pytest.param(Says(body=b'{"id": "a\\r\\nb"}'), id="a name with line ends"),
        pytest.param(Says(body=b'{"id": true}'), id="a yes"),
        pytest.param(Says(303, headers={"Location": "/elsewhere"}), id="see other"),
    ],
)
def test_an_answer_that_says_nothing_leaves_the_outcome_open(answer: Says) -> None:
    with ScriptedProvider(answer) as provider, pytest.raises(ProviderAnswerUnusable) as lied:
        send(provider)

    assert not definitely_refused(lied.value)
    assert "Ada" not in str(lied.value)


def test_a_name_that_is_a_number_is_a_name() -> None:
    with ScriptedProvider(Says(201, b'{"id": 4711, "status": "queued"}')) as provider:
        assert send(provider) == "4711"


@pytest.mark.parametrize("way", ["silent", "trickle"])
def test_a_slow_answer_ends_in_time_and_leaves_the_outcome_open(way: str) -> None:
    provider = ScriptedProvider()
    provider._acts.append(getattr(provider, way))

    with provider, pytest.raises(Exception, match=r".") as late:
        send(provider, timeout_s=2)

    assert len(provider.asked) == 1
    assert not definitely_refused(late.value)
    assert verdict_on(late.value).rule == "timeout"


def test_nobody_listening_is_nothing_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(NothingDone) as refused:
        send_text(read_provider_url(f"http://127.0.0.1:{port}/"), SMS, KEY, timeout_s=10)

    assert verdict_on(refused.value).kind is VerdictKind.RETRY


def test_a_name_that_nobody_has_is_nothing_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(NothingDone):
        send_text(read_provider_url("http://provider.example/"), SMS, KEY, timeout_s=10)


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that lets nobody in any more: its queue of connections is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(2):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


def test_a_time_out_before_the_connection_is_nothing_done(deaf: int) -> None:
    with pytest.raises(NothingDone) as late:
        send_text(read_provider_url(f"http://127.0.0.1:{deaf}/"), SMS, KEY, timeout_s=0.5)

    assert definitely_refused(late.value)
    assert verdict_on(late.value).rule == "timeout"


def test_a_server_that_never_shakes_hands_is_nothing_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(NothingDone):
            send_text(read_provider_url(url), SMS, KEY, timeout_s=0.5)


@pytest.mark.parametrize(
    ("message", "key", "token"),
    [
        (OutgoingText("sms", "0151 12345678", "Hello"), KEY, None),
        (OutgoingText("sms", "+4915112345678\r\nX: y", "Hello"), KEY, None),
        (OutgoingText("linkedin", "a b", "Hello"), KEY, None),
        (OutgoingText("linkedin", "", "Hello"), KEY, None),
        (OutgoingText("linkedin", "a", "half a character \ud83d"), KEY, None),
        (SMS, "reply:1\r\nX-Admin: yes", None),
        (SMS, KEY, "s3cret\r\nX-Admin: yes"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anybody_is_called(
    message: OutgoingText, key: str, token: str | None
) -> None:
    with ScriptedProvider() as provider, pytest.raises(ValueError, match=r".") as refused:
        send_text(read_provider_url(provider.url, token), message, key, timeout_s=10)

    assert provider.asked == []
    assert "s3cret" not in str(refused.value)
