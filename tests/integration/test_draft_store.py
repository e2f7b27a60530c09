"""A draft's life in rows: taken by one job, closed once, and a sent mail is a fact."""

from __future__ import annotations

from uuid import uuid4

import pytest

from messaging.draft_store import hold_draft, keep_draft, read_inbound, record_sent, refuse_draft, take_for_sending
from messaging.drafts import DraftText
from models.database import query
from tests.integration.correspondence import begin, draft_row, mail, sent_mail

pytestmark = pytest.mark.usefixtures("ledger_database")

TEXT = DraftText(subject="Re: other", body="Other words.", prompt_key="k", model="m", inputs_digest="d")


def test_a_lead_message_keeps_its_first_draft() -> None:
    rows = begin()

    kept = keep_draft(read_inbound(rows.lead_message_id), TEXT)

    assert kept.id == rows.draft_id
    assert query("SELECT count(*) FROM draft") == [(1,)]


def test_one_job_takes_a_draft_and_takes_it_again_after_it_was_held() -> None:
    rows, job, other = begin(), uuid4(), uuid4()

    taken = [take_for_sending(rows.draft_id, one) for one in (job, other, job)]
    held = [hold_draft(rows.draft_id, one) for one in (other, job)]
    again = [take_for_sending(rows.draft_id, one) for one in (other, job)]

    assert (taken, held, again) == ([True, False, True], [False, True], [False, True])
    assert draft_row(rows.draft_id) == ("sending", None)


def test_a_refusal_closes_the_draft_of_its_own_job_only() -> None:
    rows, job = begin(), uuid4()
    take_for_sending(rows.draft_id, job)

    refused = [refuse_draft(rows.draft_id, one, "client_paused") for one in (uuid4(), job, job)]

    assert refused == [False, True, False]
    assert draft_row(rows.draft_id) == ("refused", "client_paused")


@pytest.mark.parametrize("status", ["pending", "sending", "held", "refused"])
def test_a_sent_mail_is_recorded_whatever_the_draft_said_and_once(status: str) -> None:
    rows, job = begin(), uuid4()
    refusal = "client_paused" if status == "refused" else None
    query(
        "UPDATE draft SET status = %s, refusal = %s, sending_job_id = %s, sending_at = now() WHERE id = %s",
        (status, refusal, job, rows.draft_id),
    )

    for _ in range(2):
        record_sent(rows.outgoing(), sent_mail())

    assert draft_row(rows.draft_id) == ("sent", None)
    sql = "SELECT internet_message_id, draft_id, in_reply_to FROM lead_message WHERE direction = 'outbound'"
    assert query(sql) == [("<sent-1@acme.example>", rows.draft_id, mail(1).internet_message_id)]


def test_lateness_is_told_once_from_the_arrival_and_the_longest_delay() -> None:
    rows = begin()
    sent = sent_mail()
    query(
        "UPDATE lead_message SET created_at = %s - interval '1000 s' WHERE id = %s",
        (sent.sent_at, rows.lead_message_id),
    )
    query("UPDATE campaign SET delay_min_s = 60, delay_max_s = 600")

    told = [record_sent(rows.outgoing(), sent) for _ in range(2)]

    assert told == [pytest.approx(400), None]


def test_a_reply_names_the_mail_that_it_answers_last() -> None:
    rows = begin()
    query("UPDATE lead_message SET reference_ids = '<a@x> <b@x>' WHERE id = %s", (rows.lead_message_id,))

    outgoing = rows.outgoing()

    answered = mail(1).internet_message_id
    assert outgoing.in_reply_to == answered
    assert outgoing.reference_ids == ("<a@x>", "<b@x>", answered)
