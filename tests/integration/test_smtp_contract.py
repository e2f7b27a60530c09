"""Outgoing mail against a real SMTP server: what it takes, and each way in which it says no or nothing.

`tests/unit/test_messaging_delivery.py` plays single steps of the protocol; here a whole server stands behind them.
"""

from __future__ import annotations

import email
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from messaging.delivery import OutgoingMail, compose_reply, send_mail
from policy.errors import OutcomeUnknown
from policy.verdicts import Budgets, VerdictKind, classify
from tests.integration.smtp_server import Serve, Server, drop, serving

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
TIMEOUT_S = 10.0


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers for this test."""
    with serving() as start:
        yield start


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's side of TLS; its certificate is trusted here, and made for this test."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def reply(**changes: Any) -> EmailMessage:
    """The second part of a thread."""
    mail = OutgoingMail(
        message_id="<effect-1@acme.example>",
        sender="replies@acme.example",
        sender_name="Acme",
        recipient="lead@prospect.example",
        subject="Re: Größe",
        body="Hello,\n\n.\n\nTuesday?\n",
        sent_at=NOON,
        in_reply_to="<q2@prospect.example>",
        references=["<q1@prospect.example>"],
    )
    return compose_reply(replace(mail, **changes))


def verdict_on(error: BaseException) -> VerdictKind:
    return classify(error, 1, Budgets(attempts_spent=0, attempts_allowed=3), now=NOON).kind


def test_a_reply_arrives_in_its_thread_under_its_own_id(serve: Serve) -> None:
    server = Server()

    receipt = send_mail(f"smtp://{serve(server)}", reply(), timeout_s=TIMEOUT_S)

    message = email.message_from_bytes(server.taken[0], policy=default)
    assert receipt.message_id == message["Message-ID"] == "<effect-1@acme.example>"
    assert message["In-Reply-To"] == "<q2@prospect.example>"
    assert message["References"] == "<q1@prospect.example> <q2@prospect.example>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Subject"] == "Re: Größe"
    assert message.get_content().replace("\r\n", "\n") == "Hello,\n\n.\n\nTuesday?\n"


def test_a_grey_list_lets_the_same_mail_in_later(serve: Serve) -> None:
    answers = iter(["451 4.7.1 greylisted, come back later", "250 OK"])
    server = Server(rcpt=lambda _: next(answers))
    url = f"smtp://{serve(server)}"

    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send_mail(url, reply(), timeout_s=TIMEOUT_S)
    send_mail(url, reply(), timeout_s=TIMEOUT_S)

    assert verdict_on(refused.value) is VerdictKind.THROTTLED
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("554 5.7.1 this looks like spam", VerdictKind.TERMINAL),
        ("552 5.3.4 too big", VerdictKind.TERMINAL),
        ("451 4.3.0 try again", VerdictKind.THROTTLED),
    ],
)
def test_a_refusal_after_data_is_a_definite_one(serve: Serve, answer: str, kind: VerdictKind) -> None:
    server = Server(data=answer)

    with pytest.raises(smtplib.SMTPDataError) as refused:
        send_mail(f"smtp://{serve(server)}", reply(), timeout_s=TIMEOUT_S)

    assert verdict_on(refused.value) is kind
    assert server.taken == []


def test_a_connection_dropped_after_the_final_dot_is_an_unknown_outcome(serve: Serve) -> None:
    server = Server(data=drop)

    with pytest.raises(OutcomeUnknown) as lost:
        send_mail(f"smtp://{serve(server)}", reply(), timeout_s=TIMEOUT_S)

    assert verdict_on(lost.value) is VerdictKind.UNKNOWN
    assert server.ends == 1


def test_a_connection_dropped_before_data_is_a_definite_failure(serve: Serve) -> None:
    server = Server(rcpt=drop)

    with pytest.raises((smtplib.SMTPException, OSError)) as lost:
        send_mail(f"smtp://{serve(server)}", reply(), timeout_s=TIMEOUT_S)

    assert not isinstance(lost.value, OutcomeUnknown)
    assert server.ends == 0


def test_a_server_too_slow_after_the_final_dot_is_an_unknown_outcome(serve: Serve) -> None:
    server = Server()
    server._data = lambda _: "250 late" if server.over.wait(20) else "451 never"

    with pytest.raises(OutcomeUnknown):
        send_mail(f"smtp://{serve(server)}", reply(), timeout_s=3)

    server.over.set()
    assert server.ends == 1


def test_a_server_too_slow_before_data_is_a_definite_failure(serve: Serve) -> None:
    server = Server()
    server._rcpt = lambda _: "250 late" if server.over.wait(20) else "451 never"

    with pytest.raises((smtplib.SMTPException, OSError)) as late:
        send_mail(f"smtp://{serve(server)}", reply(), timeout_s=3)

    server.over.set()
    assert not isinstance(late.value, OutcomeUnknown)


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"me@acme", b"p:w/1"), handled=False)


LOGIN = {"authenticator": authenticate, "auth_required": True}


def test_starttls_and_login_come_from_the_url(serve: Serve, tls: ssl.SSLContext) -> None:
    server = Server()
    host = serve(server, tls_context=tls, require_starttls=True, **LOGIN)

    send_mail(f"smtp+starttls://me%40acme:p%3Aw%2F1@{host}", reply(), timeout_s=TIMEOUT_S)

    assert (len(server.taken), server.authenticated) == (1, True)


def test_tls_from_the_first_byte(serve: Serve, tls: ssl.SSLContext) -> None:
    server = Server()
    # It takes only STARTTLS for TLS; that this login is under TLS is the context's doing.
    host = serve(server, ssl_context=tls, authenticator=authenticate, auth_require_tls=False)

    send_mail(f"smtps://me%40acme:p%3Aw%2F1@{host}", reply(), timeout_s=TIMEOUT_S)

    assert (len(server.taken), server.authenticated) == (1, True)


def test_a_wrong_password_sends_nothing_and_waits_for_a_person(serve: Serve, tls: ssl.SSLContext) -> None:
    server = Server()
    host = serve(server, tls_context=tls, require_starttls=True, **LOGIN)

    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        send_mail(f"smtp+starttls://me%40acme:wrong@{host}", reply(), timeout_s=TIMEOUT_S)

    assert verdict_on(refused.value) is VerdictKind.TERMINAL
    assert server.ends == 0


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_that_nobody_trusts_gets_neither_password_nor_mail(serve: Serve, scheme: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    server, logins = Server(), []

    def note(*args: Any) -> AuthResult:
        logins.append(args)
        return AuthResult(success=False)

    way = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context}
    host = serve(server, authenticator=note, auth_require_tls=False, **way)

    with pytest.raises(ssl.SSLCertVerificationError):
        send_mail(f"{scheme}://me:secret@{host}", reply(), timeout_s=TIMEOUT_S)

    assert (server.ends, logins) == (0, [])


@pytest.mark.parametrize("field", ["subject", "sender_name", "recipient", "message_id"])
def test_an_injected_header_never_reaches_the_server(serve: Serve, field: str) -> None:
    server = Server()
    url = f"smtp://{serve(server)}"

    with pytest.raises(ValueError, match=r"."):
        send_mail(url, reply(**{field: "x@acme.example\r\nBcc: all@example.net"}), timeout_s=TIMEOUT_S)

    assert server.ends == 0
