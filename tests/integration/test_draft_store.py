"""A draft's life in rows: taken by one job, closed once, and a sent mail is a fact."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest

from messaging.draft_store import hold_draft, keep_draft, read_inbound, record_sent, refuse_draft, take_for_sending
from messaging.drafts import DraftText
from models.database import query
from tests.integration.correspondence import Correspondence, begin, draft_row, mail, sent_mail

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


#: Monday, an hour before the opening of hours that begin at 09:00 in Berlin.
EARLY = datetime(2026, 3, 2, 7, 0, tzinfo=timezone.utc)


def lateness(rows: Correspondence, sent_at: datetime, *, taken_in_at: datetime) -> list[float | None]:
    """What recording the sending twice tells, with a campaign's longest delay of 600 s."""
    query("UPDATE lead_message SET created_at = %s WHERE id = %s", (taken_in_at, rows.lead_message_id))
    query("UPDATE campaign SET delay_min_s = 60, delay_max_s = 600")
    return [record_sent(rows.outgoing(), sent_mail(at=sent_at)) for _ in range(2)]


def test_lateness_is_told_once_from_the_arrival_and_the_longest_delay() -> None:
    told = lateness(begin(), EARLY + timedelta(seconds=1_000), taken_in_at=EARLY)

    assert told == [pytest.approx(400), None]


@pytest.mark.parametrize(
    ("hours", "taken_in_at", "late_s"),
    [
        pytest.param("mon-fri 09:00-17:00", EARLY - timedelta(hours=9), 40, id="opened after the promise"),
        pytest.param("mon-fri 09:00-17:00", EARLY - timedelta(days=2), 40, id="a weekend later"),
        pytest.param("mon-fri 09:00-17:00", EARLY + timedelta(minutes=55), -260, id="delayed past the opening"),
        pytest.param("mon-fri 07:00-17:00", EARLY, 3_040, id="open when it was due"),
        pytest.param("never", EARLY, 3_040, id="closed for ever since"),
        pytest.param("day 09:00-17:00", EARLY, 3_040, id="cannot be read"),
    ],
)
def test_nobody_is_late_before_the_sending_hours_open(hours: str, taken_in_at: datetime, late_s: float) -> None:
    rows = begin()
    query("UPDATE client SET sending_hours = %s, timezone = 'Europe/Berlin'", (hours,))

    told = lateness(rows, EARLY + timedelta(hours=1, seconds=40), taken_in_at=taken_in_at)

    assert told[0] == pytest.approx(late_s)


def test_lateness_goes_by_the_campaign_s_own_hours_and_clock() -> None:
    rows = begin()
    query("UPDATE client SET sending_hours = 'always'")
    query("UPDATE campaign SET sending_hours = 'mon-fri 09:00-17:00', timezone = 'Europe/Berlin'")

    told = lateness(rows, EARLY + timedelta(hours=1, seconds=40), taken_in_at=EARLY - timedelta(hours=9))

    assert told[0] == pytest.approx(40)


def test_a_reply_names_the_mail_that_it_answers_last() -> None:
    rows = begin()
    query("UPDATE lead_message SET reference_ids = '<a@x> <b@x>' WHERE id = %s", (rows.lead_message_id,))

    outgoing = rows.outgoing()

    answered = mail(1).internet_message_id
    assert outgoing.in_reply_to == answered
    assert outgoing.reference_ids == ("<a@x>", "<b@x>", answered)
