"""Mails without a Message-ID: known by what they say, whatever programs have written into their headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from messaging.inbox import InboundMail, parse_mail
from messaging.mail_store import store_mails
from messaging.store import make_campaign, make_client
from models.database import query
from tests.integration.correspondence import CLIENT, LEAD, SENDER


@pytest.fixture
def campaign(ledger_database: str) -> UUID:
    """The campaign that the mails of these tests belong to."""
    make_client(CLIENT, name="Acme", sender_address=SENDER)
    return make_campaign(CLIENT, "default", auto_send=True)


def counts(campaign: UUID, mails: Sequence[InboundMail]) -> tuple[int, int]:
    """New and known of one ingest."""
    new = [one.new for one in store_mails(CLIENT, campaign, mails)]
    return new.count(True), new.count(False)


def exported(
    number: int, *, headers: Sequence[str] = (), said: str = "Any news?", date: str = "10:00:00"
) -> InboundMail:
    """A mail without a Message-ID, with lines that a program has added to its headers."""
    lines = [f"From: {LEAD}", f"Subject: Question {number}", f"Date: Mon, 02 Mar 2026 {date} +0000", *headers]
    return parse_mail("\n".join([*lines, "", said, ""]).encode())


def test_a_mail_without_an_id_is_known_though_its_export_has_other_headers(campaign: UUID) -> None:
    original, copy, later = exported(1), exported(1, headers=["Status: RO"]), exported(1, headers=["X-Keywords: a"])

    answers = [counts(campaign, mails) for mails in ([original], [copy], [later, copy], [original])]

    assert answers == [(1, 0), (0, 1), (0, 2), (0, 1)]
    assert query("SELECT count(*) FROM lead_message") == [(1,)]


def test_copies_of_a_mail_without_an_id_in_one_mailbox_are_one_lead_message(campaign: UUID) -> None:
    answer = counts(campaign, [exported(1), exported(1, headers=["Status: RO"])])

    assert answer == (1, 1)


def test_a_mail_without_an_id_from_a_clock_ahead_is_known_too(campaign: UUID) -> None:
    ahead = datetime.now(timezone.utc) + timedelta(hours=1)
    copies = [replace(exported(1, headers=headers), sent_at=ahead) for headers in ([], ["Status: RO"])]

    answers = [counts(campaign, [copy]) for copy in copies]

    assert answers == [(1, 0), (0, 1)]


def test_mails_without_an_id_that_differ_in_anything_they_say_are_several(campaign: UUID) -> None:
    mails = [exported(1), exported(2), exported(1, said="Hello?"), exported(1, date="10:00:01")]
    undated = [replace(exported(1, headers=[f"X-Number: {number}"]), sent_at=None) for number in range(2)]

    answer = counts(campaign, [*mails, *undated])

    assert answer == (6, 0)


def test_stored_bytes_are_known_whatever_is_read_in_them_today(campaign: UUID) -> None:
    counts(campaign, [exported(1)])
    query("UPDATE lead_message SET body = 'as it was read by another version'")

    assert counts(campaign, [exported(1)]) == (0, 1)
