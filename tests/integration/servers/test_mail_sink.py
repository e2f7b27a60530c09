"""The mail sink keeps every mail it accepts, as it came."""

from __future__ import annotations

import smtplib

from servers.embedded import Servers


def send(servers: Servers, mail: bytes) -> tuple[int, bytes]:
    host, port = servers.smtp_url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port), local_hostname="localhost") as client:
        client.ehlo()
        client.mail("sales@example.com")
        client.rcpt("lead@example.org")
        return client.data(mail)


MAIL = b"Message-ID: <one@example.com>\r\nSubject: gr\xc3\xbc\xc3\x9fe\r\n\r\n.a dotted line\r\n\xff\r\n"


def test_a_mail_is_on_disk_as_it_came_when_it_is_accepted(servers: Servers) -> None:
    before = set(servers.mail_dir.iterdir())

    answer = send(servers, MAIL)

    arrived = set(servers.mail_dir.iterdir()) - before
    assert answer[0] == 250
    assert [mail.read_bytes() for mail in arrived] == [MAIL]
    assert list((servers.home / "mail" / "tmp").iterdir()) == []


def test_the_same_mail_twice_is_two_files(servers: Servers) -> None:
    before = set(servers.mail_dir.iterdir())

    for _ in range(2):
        send(servers, MAIL)

    assert len(set(servers.mail_dir.iterdir()) - before) == 2


def test_a_mail_that_cannot_be_kept_is_not_accepted(servers: Servers) -> None:
    hidden = servers.mail_dir.with_name("hidden")
    servers.mail_dir.rename(hidden)

    answer = send(servers, MAIL)

    hidden.rename(servers.mail_dir)
    assert answer[0] == 451


def test_a_mail_cut_off_in_the_middle_is_forgotten_at_the_next_start(servers: Servers) -> None:
    unfinished = servers.home / "mail" / "tmp" / "cut-off.eml"
    unfinished.write_bytes(MAIL[:20])
    servers.mail_sink.stop("kill")

    servers.mail_sink.start()

    assert not unfinished.exists()
