"""Mail in: stored once and dispatched once, however often, by however many, all of a mailbox or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import NoReturn
from uuid import UUID

import dramatiq
import psycopg2.errors
import pytest
import redis

from actors.broker import setup
from messaging import mail_store
from messaging.inbox import InboundMail
from messaging.store import make_campaign, make_client, opt_in
from models.database import atomic, close_connection, query
from policy.errors import DispatchContended
from tests.integration.correspondence import CLIENT, SENDER, mail

#: Written before the mail itself and after it, by the database's clock.
Clock = tuple[datetime, datetime]


@pytest.fixture(autouse=True)
def campaign(ledger_database: str, redis_client: redis.Redis) -> UUID:
    """The campaign that the mails of these tests belong to."""
    former = dramatiq.broker.global_broker
    setup()
    dramatiq.broker.global_broker = former
    make_client(CLIENT, name="Acme", sender_address=SENDER)
    return make_campaign(CLIENT, "default", auto_send=True)


def counts(campaign: UUID, mails: Sequence[InboundMail]) -> tuple[int, int, int]:
    """New, known and dispatched of one ingest."""
    from actors.inbound import take_in  # noqa: PLC0415  # its actors bind to the broker that setup() makes

    taken = take_in(CLIENT, campaign, mails)
    return taken.new, taken.known, taken.dispatched


def jobs() -> list[tuple[str, str, int]]:
    """Dispatch key, state and refused duplicates of every job."""
    return query("SELECT dispatch_key, state, duplicates_suppressed FROM background_job ORDER BY created_at, id")


def test_every_mail_becomes_a_lead_message_with_a_job(campaign: UUID) -> None:
    mails = [mail(1), mail(2), mail(1, sender="other@prospect.example")]

    answer = counts(campaign, mails)

    assert answer == (3, 0, 3)
    assert query("SELECT address, count(*) FROM lead JOIN lead_message ON lead_id = lead.id GROUP BY 1 ORDER BY 1") == [
        ("lead@prospect.example", 2),
        ("other@prospect.example", 1),
    ]
    ids = query("SELECT 'inbound:' || id FROM lead_message ORDER BY 1")
    assert sorted((key,) for key, _, _ in jobs()) == ids


def test_a_second_ingest_stores_nothing_and_is_counted_as_duplicates(campaign: UUID) -> None:
    mails = [mail(1), mail(2)]

    answers = [counts(campaign, mails) for _ in range(2)]

    assert answers == [(2, 0, 2), (0, 2, 0)]
    assert [row[2] for row in jobs()] == [1, 1]


def test_a_mail_that_lies_twice_in_a_mailbox_is_one_lead_message(campaign: UUID) -> None:
    answer = counts(campaign, [mail(1), mail(1)])

    assert answer == (1, 1, 1)
    assert len(jobs()) == 1


def test_mails_of_one_ingest_arrive_by_date_and_after_all_that_was_there(
    campaign: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_store, "_CHUNK", 2)
    counts(campaign, [mail(7)])

    counts(campaign, [replace(mail(4), sent_at=None), mail(6), mail(3), mail(7), mail(5)])

    arrived = query("SELECT subject FROM lead_message ORDER BY arrival")
    assert [row[0].removeprefix("Question ") for row in arrived] == ["7", "3", "5", "6", "4"]


def test_the_client_of_the_jobs_is_the_mail_s(campaign: UUID) -> None:
    counts(campaign, [mail(1)])

    row = query("SELECT client_id, lead_id, lead_message_id, actor, source FROM background_job")[0]
    message = query("SELECT lead_id::text, id::text FROM lead_message")[0]
    assert row == (CLIENT, *message, "inbound_post_process", "ingest")


@pytest.mark.parametrize("header", ["Date: ", "Date: Mon, 02 Mar 2199 10:00:00 +0000"], ids=["none", "from the future"])
def test_a_mail_without_a_date_to_believe_keeps_the_time_of_its_first_ingest(campaign: UUID, header: str) -> None:
    undated = mail(1)
    object.__setattr__(undated, "sent_at", None if header == "Date: " else datetime(2199, 3, 2, tzinfo=timezone.utc))
    before = query("SELECT clock_timestamp()")[0][0]

    counts(campaign, [undated])
    first = query("SELECT sent_at FROM lead_message")[0][0]
    counts(campaign, [undated])

    assert before <= first <= query("SELECT clock_timestamp()")[0][0]
    assert query("SELECT sent_at FROM lead_message") == [(first,)]


def test_mail_that_must_not_be_answered_says_why_on_its_row(campaign: UUID) -> None:
    counts(campaign, [mail(1, headers=["Auto-Submitted: auto-replied"]), mail(1, sender=SENDER), mail(2)])

    assert query("SELECT never_answer FROM lead_message ORDER BY arrival") == [
        ("auto_submitted",),
        ("own_address",),
        (None,),
    ]


def test_a_lead_message_whose_job_was_pruned_is_not_answered_again(campaign: UUID) -> None:
    counts(campaign, [mail(1)])
    query("UPDATE lead_message SET processed_at = now()")
    query("DELETE FROM background_job")

    answer = counts(campaign, [mail(1)])

    assert answer == (0, 1, 0)
    assert jobs() == []


def test_a_lead_message_whose_job_was_lost_is_dispatched_anew(campaign: UUID) -> None:
    counts(campaign, [mail(1)])
    query("DELETE FROM background_job")

    answer = counts(campaign, [mail(1)])

    assert answer == (0, 1, 1)
    assert query("SELECT inbound_job_id FROM lead_message") == query("SELECT id FROM background_job")


@pytest.mark.parametrize("state", ["dead", "discarded", "cancelled"])
def test_a_job_that_was_given_up_is_the_operators_and_not_dispatched_anew(campaign: UUID, state: str) -> None:
    counts(campaign, [mail(1)])
    query("UPDATE background_job SET state = %s, holds_key = false, finished_at = now()", (state,))

    answer = counts(campaign, [mail(1)])

    assert answer == (0, 1, 0)
    assert [(row[1], row[2]) for row in jobs()] == [(state, 1)]


def test_a_job_whose_key_has_expired_is_not_dispatched_anew(campaign: UUID) -> None:
    counts(campaign, [mail(1)])
    query("UPDATE background_job SET state = 'succeeded', finished_at = now(), key_expires_at = now() - interval '1 s'")

    answer = counts(campaign, [mail(1)])

    assert answer == (0, 1, 0)
    assert [(row[1], row[2]) for row in jobs()] == [("succeeded", 1)]


def test_a_dispatch_that_fails_takes_the_whole_ingest_back(campaign: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    from actors import inbound  # noqa: PLC0415  # as above

    def contended(jobs: object) -> None:
        raise DispatchContended

    monkeypatch.setattr(inbound, "dispatch_many", contended)

    with pytest.raises(DispatchContended):
        inbound.take_in(CLIENT, campaign, [mail(1)])

    assert query("SELECT (SELECT count(*) FROM lead_message), (SELECT count(*) FROM lead)") == [(0, 0)]


def test_many_ingests_of_one_mailbox_at_once_dispatch_each_mail_once(campaign: UUID) -> None:
    mails = [mail(number, sender=f"lead{number % 5}@prospect.example") for number in range(45)]
    # Leads that are there already are not waited for by inserting them: only locks in one order prevent deadlocks.
    counts(campaign, mails[40:])
    del mails[40:]

    def ingest(shift: int) -> tuple[int, int, int]:
        try:
            return counts(campaign, [*mails[shift:], *mails[:shift]])
        finally:
            close_connection()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ingest, (0, 7, 19, 33)))

    assert sorted(answers) == [(0, 40, 0), (0, 40, 0), (0, 40, 0), (40, 0, 40)]
    assert len(jobs()) == 45
    assert sorted(row[2] for row in jobs()) == [0] * 5 + [3] * 40


def test_an_ingest_keeps_its_leads_to_itself_until_it_commits(campaign: UUID) -> None:
    counts(campaign, [mail(1)])

    def look() -> None:
        try:
            # The weakest lock there is: mails that merely refer to the lead would not refuse it.
            query("SELECT FROM lead FOR KEY SHARE NOWAIT")
        finally:
            close_connection()

    with atomic(), ThreadPoolExecutor(1) as pool:
        counts(campaign, [mail(1)])
        looking = pool.submit(look)

        with pytest.raises(psycopg2.errors.LockNotAvailable):
            looking.result(10)


def test_the_time_of_a_mail_is_its_date(campaign: UUID) -> None:
    counts(campaign, [mail(2)])

    assert query("SELECT sent_at FROM lead_message") == [(datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc),)]


def test_a_mail_dated_a_little_ahead_was_not_written_after_it_came(campaign: UUID) -> None:
    counts(campaign, [mail(1, date=datetime.now(timezone.utc) + timedelta(hours=3))])

    assert query("SELECT sent_at <= clock_timestamp() FROM lead_message") == [(True,)]


def opted_out() -> list[tuple[str, bool]]:
    """Address of every lead, and whether it is opted out."""
    return query("SELECT address, opted_out_at IS NOT NULL FROM lead ORDER BY 1")


def test_a_mail_that_asks_to_opt_out_opts_its_lead_out_with_it(campaign: UUID) -> None:
    asking = replace(mail(1), body="Please remove me from your list.")

    counts(campaign, [asking, mail(1, sender="other@prospect.example")])

    assert opted_out() == [("lead@prospect.example", True), ("other@prospect.example", False)]


def test_words_of_a_machine_or_a_list_opt_nobody_out(campaign: UUID) -> None:
    newsletter = mail(1, headers=["List-Id: <news.prospect.example>"])
    away = mail(2, headers=["Auto-Submitted: auto-replied"])

    counts(campaign, [replace(one, body="Unsubscribe me") for one in (newsletter, away)])

    assert opted_out() == [("lead@prospect.example", False)]


def test_a_mail_that_is_known_does_not_opt_out_again_a_lead_that_was_taken_back(campaign: UUID) -> None:
    asking = [replace(mail(1), body="STOP")]
    counts(campaign, asking)
    opt_in(query("SELECT id FROM lead")[0][0])

    counts(campaign, asking)

    assert opted_out() == [("lead@prospect.example", False)]


def test_an_ingest_that_fails_opts_nobody_out(campaign: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> NoReturn:
        raise psycopg2.DataError

    monkeypatch.setattr("actors.inbound.dispatch_many", fail)

    with pytest.raises(psycopg2.DataError):
        counts(campaign, [replace(mail(1), body="STOP")])

    assert opted_out() == []
