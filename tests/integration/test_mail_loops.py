"""Two that answer mail by themselves, against each other: mails composed, sent, read and judged until all is quiet."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from uuid import UUID

import pytest

from messaging.client_settings import set_client
from messaging.inbox import parse_mail
from messaging.store import make_campaign, make_client
from models.database import query
from models.ledger.operators import Operator
from tests.integration.sending_cases import NOT_YET, CountingSink, Sender

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

OURS, THEIRS = "replies@acme.example", "desk@prospect.example"
#: Mails after which a loop is a loop.
ROUNDS = 8
#: What the other side makes of a mail of ours: raw bytes, or None where it keeps silent.
Responder = Callable[[Message, int], bytes | None]


def tenant(client_id: str, address: str) -> UUID:
    """A client that answers by itself."""
    make_client(client_id, name=client_id.title(), sender_address=address)
    return make_campaign(client_id, "default", auto_send=True)


def receive(client_id: str, campaign_id: UUID, raw: bytes, sender: Sender) -> dict[str, object]:
    """A mail's whole way through this application: read, stored, drafted, sent; what came of it."""
    from actors.families import inbound_post_process  # noqa: PLC0415  # it binds to the broker that setup() makes
    from actors.inbound import take_in  # noqa: PLC0415  # as above

    taken = take_in(client_id, campaign_id, [parse_mail(raw)])
    drafted = inbound_post_process.fn(str(taken.lead_message_ids[0]))
    return sender.send(UUID(drafted["drafted"])) if "drafted" in drafted else drafted


def mail_of(number: int, *headers: str, subject: str = "Your offer", body: str = "Tell me more.") -> bytes:
    """A mail of the other side."""
    lines = [
        f"From: Desk <{THEIRS}>",
        f"To: {OURS}",
        f"Subject: {subject}",
        f"Message-ID: <{number}@prospect.example>",
        *headers,
        "",
        body,
        "",
    ]
    return "\r\n".join(lines).encode()


def correspond(sink: CountingSink, sender: Sender, answer: Responder) -> list[dict[str, object]]:
    """Their first mail, then whatever `answer` makes of each of ours, until one side is silent."""
    campaign_id = tenant("acme", OURS)
    outcomes = [receive("acme", campaign_id, mail_of(0), sender)]
    while len(sink.mails) < ROUNDS:
        raw = answer(message_from_bytes(sink.mails[-1]), len(sink.mails))
        if raw is None:
            return outcomes
        known = len(sink.mails)
        outcomes.append(receive("acme", campaign_id, raw, sender))
        if len(sink.mails) == known:
            return outcomes
    raise AssertionError("a loop")


def test_two_of_this_application_end_after_one_mail(sink: CountingSink, sender: Sender) -> None:
    other_campaign = tenant("prospect", THEIRS)
    others: list[dict[str, object]] = []

    def this_application(_: Message, number: int) -> bytes | None:
        others.append(receive("prospect", other_campaign, sink.mails[number - 1], sender))
        return None if len(sink.mails) == number else sink.mails[-1]

    correspond(sink, sender, this_application)

    assert len(sink.mails) == 1
    assert others == [{"refused": "auto_submitted"}]
    assert query("SELECT count(*) FROM draft") == [(1,)]


MARKED: dict[str, tuple[str, ...]] = {
    "RFC 3834": ("Auto-Submitted: auto-replied",),
    "with a reason": ("Auto-Submitted: auto-replied; owner-email=desk@prospect.example",),
    "an old vacation program": ("Precedence: bulk",),
    "a mail server": ("X-Autoreply: yes",),
    "a list": ("List-Id: <desk.prospect.example>",),
    "a bounce": ("Return-Path: <>",),
}


@pytest.mark.parametrize("headers", MARKED.values(), ids=MARKED)
def test_a_responder_that_marks_its_mail_gets_one_mail(
    headers: tuple[str, ...], sink: CountingSink, sender: Sender
) -> None:
    outcomes = correspond(sink, sender, lambda _, number: mail_of(number, *headers, body="I am away."))

    assert len(sink.mails) == 1
    assert "refused" in outcomes[-1]


def test_a_responder_that_heeds_our_mark_gets_one_mail(sink: CountingSink, sender: Sender) -> None:
    def heeding(ours: Message, number: int) -> bytes | None:
        return None if ours["Auto-Submitted"] == "auto-replied" else mail_of(number)

    correspond(sink, sender, heeding)

    assert len(sink.mails) == 1


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Out of office: Your offer", "I am out of the office until Monday and will reply when I am back."),
        ("Abwesenheitsnotiz", "Ich bin bis Montag nicht im B\u00fcro."),
    ],
)
def test_an_absent_lead_whose_responder_marks_nothing_gets_one_mail(
    sink: CountingSink, sender: Sender, subject: str, body: str
) -> None:
    utf_8 = "Content-Type: text/plain; charset=utf-8"

    outcomes = correspond(sink, sender, lambda _, number: mail_of(number, utf_8, subject=subject, body=body))

    assert len(sink.mails) == 1
    assert outcomes[-1] == {"refused": "out_of_office"}
    assert query("SELECT never_answer FROM lead_message WHERE direction = 'inbound' ORDER BY arrival DESC LIMIT 1") == [
        ("out_of_office",)
    ]


def test_a_responder_without_manners_is_stopped_by_the_leads_rate(sink: CountingSink, sender: Sender) -> None:
    tenant("acme", OURS)
    set_client("acme", {"lead_rate": "3/h"}, Operator("ann"))

    outcomes = correspond(sink, sender, lambda _, number: mail_of(number, body="We got your mail."))

    assert len(sink.mails) == 3
    assert outcomes[-1] == NOT_YET
