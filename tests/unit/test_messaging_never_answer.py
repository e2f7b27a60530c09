"""Mail that is never answered, and mail that only looks like it."""

from __future__ import annotations

import pytest

from messaging.inbox import InboundMail, parse_mail
from messaging.never_answer import never_answer

OWN = ("Sales@callboard.example.com", "desk@callboard.example.com")


def mail(headers: str = "", sender: str = "lead@example.org") -> InboundMail:
    return parse_mail(f"From: {sender}\r\n{headers}\r\n\r\nHello".lstrip().encode())


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ("Auto-Submitted: auto-replied", "auto_submitted"),
        ("Auto-Submitted: auto-generated (rejected)", "auto_submitted"),
        ("auto-submitted: AUTO-NOTIFIED; owner-email=a@example.org", "auto_submitted"),
        ("Auto-Submitted: something-new", "auto_submitted"),
        ("X-Autoreply: yes", "auto_submitted"),
        ("Precedence: auto_reply", "auto_submitted"),
        ("List-Id: Crew <crew.example.org>", "list_mail"),
        ("Precedence: list", "list_mail"),
        ("Precedence: Bulk", "bulk"),
        ("Precedence: junk", "bulk"),
        ("Return-Path: <>", "empty_return_path"),
        ("Return-Path:", "empty_return_path"),
        ("Content-Type: multipart/report; boundary=b", "no_reply_sender"),
    ],
)
def test_mail_marked_by_a_machine_is_never_answered(headers: str, reason: str) -> None:
    assert never_answer(mail(headers), OWN) == reason


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "Auto-Submitted: no",
        "Auto-Submitted: No; by=hand",
        "Auto-Submitted:",
        "Precedence: first-class",
        "Return-Path: <lead@example.org>",
        "X-Mailgun-Mailing-List-Id: 1q",
        "List-Unsubscribe: <mailto:leave@example.org>",
    ],
)
def test_mail_written_by_a_person_may_be_answered(headers: str) -> None:
    assert never_answer(mail(headers), OWN) is None


@pytest.mark.parametrize(
    "sender",
    [
        "no-reply@example.org", "noreply@example.org", "No_Reply@example.org", "no.reply@example.org",
        "jobs-noreply@example.org", "noreply-4711@example.org", "noreply+abc@example.org", "do-not-reply@example.org",
        "donotreply@example.org", "MAILER-DAEMON@example.org", "postmaster@example.org", "bounces@example.org",
        "bounce+abc@example.org", "bounces-123@example.org", "auto-reply@example.org", "autoresponder@example.org",
    ],
)  # fmt: skip
def test_sender_that_reads_no_mail_is_never_answered(sender: str) -> None:
    assert never_answer(mail(sender=sender), OWN) == "no_reply_sender"


@pytest.mark.parametrize(
    "sender", ["elenoreply@example.org", "nora.reply@example.org", "daemon@example.org", "reply@example.org"]
)
def test_sender_whose_name_resembles_one_may_be_answered(sender: str) -> None:
    assert never_answer(mail(sender=sender), OWN) is None


@pytest.mark.parametrize(
    "sender", ["sales@callboard.example.com", "DESK@Callboard.Example.com", "sales+x@callboard.example.com"]
)
def test_own_addresses_are_never_answered(sender: str) -> None:
    assert never_answer(mail(sender=sender), OWN) == "own_address"


def test_colleague_at_the_clients_domain_may_be_answered() -> None:
    assert never_answer(mail(sender="someone@callboard.example.com"), OWN) is None
