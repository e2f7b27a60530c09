"""Where the provider is: what its URL says, what of it is secret, and whom TLS lets us believe."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest
import trustme

from messaging.provider import OutgoingText, read_provider_url, send_text
from policy.errors import NothingDone
from tests.unit.scripted_provider import ScriptedProvider

SMS = OutgoingText("sms", "+4915112345678", "Hello")
KEY = "reply:5b0c:1"


def send(provider: ScriptedProvider, token: str | None = None) -> str:
    return send_text(read_provider_url(provider.url, token), SMS, KEY, timeout_s=10)


def test_user_and_password_of_the_url_go_along_as_basic_and_not_in_the_path() -> None:
    with ScriptedProvider() as provider:
        endpoint = read_provider_url(provider.url.replace("//", "//me%40x:p%3Aw@"))
        send_text(endpoint, SMS, KEY, timeout_s=10)

    (asked,) = provider.asked
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"me@x:p:w").decode()
    assert "@" not in asked.headers["Host"]


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """An authority of our own, whose certificate lies in `tmp_path/ca.pem`."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


def server_tls(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_a_trusted_certificate_is_spoken_to(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    with ScriptedProvider(tls=server_tls(authority)) as provider:
        assert send(provider, token="s3cret") == "p-1"


@pytest.mark.parametrize("case", ["nobody trusts it", "another's name"])
def test_a_certificate_that_proves_nothing_gets_no_request(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    name = "localhost"
    if case == "another's name":
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        name = "elsewhere.example"

    with ScriptedProvider(tls=server_tls(authority, name)) as provider, pytest.raises(NothingDone):
        send(provider, token="s3cret")

    assert provider.asked == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example", "https://api.example/"),
        ("https://me:pw@api.example:8443/v1?x=1", "https://api.example:8443/v1?x=1"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1"),
    ],
)
def test_a_url_loses_what_is_secret(url: str, expected: str) -> None:
    endpoint = read_provider_url(url)

    assert endpoint.url == expected
    assert "pw" not in repr(endpoint)


@pytest.mark.parametrize(
    "url", ["ftp://api.example", "https://", "https://host:99999", "https://a b", "https://me:s3cret@host:x"]
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as refused:
        read_provider_url(url)

    assert "s3cret" not in str(refused.value)


def test_a_user_and_a_token_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="one of them"):
        read_provider_url("https://me:pw@api.example", "token")
