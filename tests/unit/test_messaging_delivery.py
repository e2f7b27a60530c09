"""Outgoing mail: its headers, and what is known after each way in which a server can fail."""

from __future__ import annotations

import email
import smtplib
import socket
from collections.abc import Sequence
from datetime import datetime, timezone
from email.message import EmailMessage
from email.policy import default

import pytest

from messaging.delivery import OutgoingMail, compose_reply, read_smtp_url, send_mail
from policy.errors import OutcomeUnknown
from tests.unit.scripted_smtp import Answer, ScriptedSmtp, drop

SENT_AT = datetime(2026, 3, 2, 9, 30, tzinfo=timezone.utc)


def outgoing(
    *,
    message_id: str = "<effect-1@example.com>",
    sender: str = "sales@example.com",
    sender_name: str = "Callum Board",
    recipient: str = "lead@example.org",
    subject: str = "Re: Hello",
    body: str = "Hello,\n\nTuesday?\n",
    sent_at: datetime = SENT_AT,
    in_reply_to: str | None = "<question@example.org>",
    references: Sequence[str] = (),
) -> OutgoingMail:
    return OutgoingMail(message_id, sender, sender_name, recipient, subject, body, sent_at, in_reply_to, references)


def received(message: EmailMessage) -> EmailMessage:
    return email.message_from_bytes(message.as_bytes(), policy=default)


def test_reply_is_threaded_under_what_it_answers() -> None:
    mail = outgoing(references=["<first@example.org>", "<second@example.org>"])

    message = received(compose_reply(mail))

    assert message["In-Reply-To"] == "<question@example.org>"
    assert message["References"] == "<first@example.org> <second@example.org> <question@example.org>"


def test_reply_says_that_a_machine_wrote_it() -> None:
    message = received(compose_reply(outgoing()))

    assert message["Auto-Submitted"] == "auto-replied"


def test_reply_carries_the_given_message_id_sender_and_date() -> None:
    message = received(compose_reply(outgoing()))

    assert message["Message-ID"] == "<effect-1@example.com>"
    assert message["From"] == "Callum Board <sales@example.com>"
    assert message["Date"].datetime == SENT_AT


def test_reply_to_a_mail_without_id_is_not_threaded() -> None:
    message = compose_reply(outgoing(in_reply_to=None, references=["<first@example.org>"]))

    assert message["In-Reply-To"] is None
    assert message["References"] is None


def test_long_ids_are_not_written_as_encoded_words() -> None:
    long_id = "<" + "a" * 200 + "@example.org>"

    raw = compose_reply(outgoing(in_reply_to=long_id, references=["<" + "b" * 120 + "@example.org>"])).as_bytes()

    assert b"=?utf-8" not in raw
    assert long_id.encode() in raw


def test_references_keep_the_first_and_the_newest() -> None:
    thread = [f"<{number:03d}-{'x' * 40}@example.org>" for number in range(100)]

    references = compose_reply(outgoing(references=thread))["References"].split()

    assert references[0] == thread[0]
    assert references[-2:] == [thread[-1], "<question@example.org>"]
    assert len(" ".join(references)) <= 998


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(outgoing(subject="Re: Hello\r\nBcc: all@example.net"), id="subject"),
        pytest.param(outgoing(sender_name="Callum\nBcc: all@example.net"), id="sender name"),
        pytest.param(outgoing(sender="sales@example.com\nBcc: all@example.net"), id="sender"),
        pytest.param(outgoing(recipient="lead@example.org\r\nRCPT TO:<all@example.net>"), id="recipient"),
        pytest.param(outgoing(recipient="lead@example.org, all@example.net"), id="two recipients"),
        pytest.param(outgoing(message_id="<a@b>\r\nBcc: all@example.net"), id="message id"),
        pytest.param(outgoing(subject="Re: a\u2028b"), id="line separator"),
        pytest.param(outgoing(recipient="not an address"), id="no address"),
        pytest.param(outgoing(recipient="l\u00e9ad@example.org"), id="address beyond ASCII"),
        pytest.param(outgoing(sent_at=datetime(2026, 3, 2)), id="naive date"),  # noqa: DTZ001 - the point
    ],
)
def test_mail_that_would_inject_or_break_headers_is_refused(mail: OutgoingMail) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compose_reply(mail)


def test_injected_ids_are_left_out_of_the_threading() -> None:
    mail = outgoing(references=["<ok@example.org>", "<x@example.org>\r\nBcc: all@example.net", "nonsense"])

    message = received(compose_reply(mail))

    assert message["References"] == "<ok@example.org> <question@example.org>"
    assert message["Bcc"] is None


def test_text_beyond_ascii_arrives_as_it_was_written() -> None:
    mail = outgoing(subject="Re: Größe 🙂", sender_name="Jörg Müller", body="Grüße\n.\n..\nFrom here: שלום\n")

    with ScriptedSmtp() as server:
        send_mail(server.url, compose_reply(mail), timeout_s=5)

    unstuffed = b"".join(line[1:] if line.startswith(b".") else line for line in server.content.splitlines(True))
    message = email.message_from_bytes(unstuffed, policy=default)
    assert server.content.isascii()
    assert message["Subject"] == "Re: Größe 🙂"
    assert message.get_content().replace("\r\n", "\n") == "Grüße\n.\n..\nFrom here: שלום\n"


def test_accepted_mail_yields_the_servers_receipt() -> None:
    with ScriptedSmtp() as server:
        receipt = send_mail(server.url, compose_reply(outgoing()), timeout_s=5)

    assert (receipt.code, receipt.response) == (250, "taken as 4711")
    assert receipt.message_id == "<effect-1@example.com>"
    assert any(command.upper().startswith("RCPT TO:<LEAD@EXAMPLE.ORG>") for command in server.commands)


@pytest.mark.parametrize("code", [450, 451, 550])
def test_refused_recipient_is_a_definite_refusal_with_its_code(code: int) -> None:
    with ScriptedSmtp({"RCPT": f"{code} no"}) as server, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send_mail(server.url, compose_reply(outgoing()), timeout_s=5)

    assert refused.value.recipients["lead@example.org"][0] == code
    assert server.dots == 0


@pytest.mark.parametrize("code", [421, 451, 554])
def test_refusal_after_the_final_dot_is_definite(code: int) -> None:
    with ScriptedSmtp({"dot": f"{code} no"}) as server, pytest.raises(smtplib.SMTPDataError) as refused:
        send_mail(server.url, compose_reply(outgoing()), timeout_s=5)

    assert refused.value.smtp_code == code


def lines_without_end(connection: socket.socket) -> None:
    connection.sendall(b"250-" + b"x" * 20_000 + b"\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(drop, id="connection dropped"),
        pytest.param("what?", id="gibberish"),
        pytest.param("354 go on", id="intermediate code"),
        pytest.param("000 zero", id="code of no class"),
        pytest.param(lines_without_end, id="line too long"),
    ],
)
def test_no_valid_answer_after_the_final_dot_is_an_unknown_outcome(answer: Answer) -> None:
    with ScriptedSmtp({"dot": answer}) as server, pytest.raises(OutcomeUnknown):
        send_mail(server.url, compose_reply(outgoing()), timeout_s=5)

    assert server.dots == 1


def test_silence_after_the_final_dot_is_an_unknown_outcome() -> None:
    server = ScriptedSmtp()
    server._answers["dot"] = server.silent

    with server, pytest.raises(OutcomeUnknown):
        send_mail(server.url, compose_reply(outgoing()), timeout_s=0.3)

    assert server.dots == 1


@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA"])
def test_connection_lost_before_the_final_dot_is_a_definite_failure(step: str) -> None:
    with ScriptedSmtp({step: drop}) as server, pytest.raises((smtplib.SMTPException, OSError)) as lost:
        send_mail(server.url, compose_reply(outgoing()), timeout_s=5)

    assert not isinstance(lost.value, OutcomeUnknown)
    assert server.dots == 0


@pytest.mark.parametrize("step", ["connect", "MAIL", "DATA"])
def test_slow_server_before_the_final_dot_is_a_definite_failure(step: str) -> None:
    server = ScriptedSmtp()
    server._answers[step] = server.silent

    with server, pytest.raises((smtplib.SMTPException, OSError)):
        send_mail(server.url, compose_reply(outgoing()), timeout_s=0.3)

    assert server.dots == 0


def test_refused_data_command_is_definite() -> None:
    with ScriptedSmtp({"DATA": "451 later"}) as server, pytest.raises(smtplib.SMTPDataError) as refused:
        send_mail(server.url, compose_reply(outgoing()), timeout_s=5)

    assert refused.value.smtp_code == 451


def test_nobody_listening_is_a_connection_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionRefusedError):
        send_mail(f"smtp://127.0.0.1:{port}", compose_reply(outgoing()), timeout_s=5)


def test_silence_to_the_goodbye_does_not_undo_the_sending() -> None:
    server = ScriptedSmtp()
    server._answers["QUIT"] = server.silent

    with server:
        receipt = send_mail(server.url, compose_reply(outgoing()), timeout_s=5)

    assert receipt.code == 250


def test_login_is_done_when_the_url_names_a_user() -> None:
    with ScriptedSmtp({"EHLO": "250-hello\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}) as server:
        send_mail(server.url.replace("//", "//me:secret@"), compose_reply(outgoing()), timeout_s=5)

    assert server.dots == 1
    assert any(command.upper().startswith("AUTH PLAIN") for command in server.commands)


def test_refused_login_sends_nothing() -> None:
    answers = {"EHLO": "250-hello\r\n250 AUTH PLAIN", "AUTH": "535 who?"}

    with ScriptedSmtp(answers) as server, pytest.raises(smtplib.SMTPAuthenticationError):
        send_mail(server.url.replace("//", "//me:secret@"), compose_reply(outgoing()), timeout_s=5)

    assert server.dots == 0


def test_server_without_starttls_is_not_trusted_with_mail_or_password() -> None:
    mail = compose_reply(outgoing())

    with ScriptedSmtp() as server, pytest.raises(smtplib.SMTPNotSupportedError):
        send_mail(server.url.replace("smtp://", "smtp+starttls://me:secret@"), mail, timeout_s=5)

    assert [command.split()[0].upper() for command in server.commands] == ["EHLO"]


def test_plain_server_is_no_tls_server() -> None:
    with ScriptedSmtp() as server, pytest.raises(OSError, match=r"."):
        send_mail(server.url.replace("smtp://", "smtps://"), compose_reply(outgoing()), timeout_s=2)

    assert server.dots == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", (25, False, False, "", "")),
        ("smtps://mail.example.com", (465, True, False, "", "")),
        ("smtp+starttls://mail.example.com", (587, False, True, "", "")),
        ("smtp://me%40example.com:p%3Aw@mail.example.com:2525", (2525, False, False, "me@example.com", "p:w")),
    ],
)
def test_url_says_port_security_and_login(url: str, expected: tuple[int, bool, bool, str, str]) -> None:
    endpoint = read_smtp_url(url)

    assert (endpoint.port, endpoint.tls, endpoint.starttls, endpoint.user, endpoint.password) == expected


@pytest.mark.parametrize("url", ["http://mail.example.com", "smtp://", "smtp://host:99999", "mail.example.com", ""])
def test_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP URL"):
        read_smtp_url(url)


def test_password_stays_out_of_messages_and_representations() -> None:
    shown = repr(read_smtp_url("smtp://me:s3cret@mail.example.com"))
    with pytest.raises(ValueError, match="SMTP URL") as refused:
        read_smtp_url("smtp://me:s3cret@host:notaport")

    assert "s3cret" not in shown
    assert "s3cret" not in str(refused.value)
