"""The gate on real rows: every condition by what brings it about, and changes that race with the decision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar
from uuid import uuid4

import pytest

from messaging.draft_store import record_sent, take_for_sending
from messaging.gate import gate
from messaging.store import opt_out, pause_client, resume_client, set_auto_send
from models.database import atomic, close_connection, query
from tests.acceptance.waiting import until
from tests.integration.correspondence import CLIENT, Correspondence, begin, mail, sent_mail

pytestmark = pytest.mark.usefixtures("ledger_database")

JOB = uuid4()
Answer = TypeVar("Answer")
Change = Callable[[Correspondence], object]


def _no_campaign(rows: Correspondence) -> None:
    query("UPDATE lead SET campaign_id = NULL WHERE id = %s", (rows.lead_id,))


def _trigger_gone(rows: Correspondence) -> None:
    # A foreign key forbids it; a restored backup or a purge by hand may have done it all the same.
    with atomic():
        query("SET LOCAL session_replication_role = replica")
        query("DELETE FROM lead_message WHERE id = %s", (rows.lead_message_id,))


def _written_by_other_means(rows: Correspondence) -> None:
    query(
        "INSERT INTO lead_message (id, lead_id, direction, identity, body, sent_at)"
        " VALUES (gen_random_uuid(), %s, 'outbound', 'other', '', now())",
        (rows.lead_id,),
    )


CONDITIONS: dict[str, Change] = {
    "trigger_message_not_found": _trigger_gone,
    "newer_inbound_exists": lambda rows: rows.receive(mail(2)),
    "outbound_after_trigger": _written_by_other_means,
    "no_campaign": _no_campaign,
    "campaign_not_auto_send": lambda rows: set_auto_send(rows.campaign_id, False),
    "client_paused": lambda _: pause_client(CLIENT),
    "lead_opted_out": lambda rows: opt_out(rows.lead_id),
    "draft_status_sending": lambda rows: take_for_sending(rows.draft_id, uuid4()),
    "draft_status_sent": lambda rows: record_sent(rows.outgoing(), sent_mail()),
    "empty_draft": lambda rows: query("UPDATE draft SET content = ' ' WHERE id = %s", (rows.draft_id,)),
}


def ask(rows: Correspondence, *, part: int = 1) -> str | None:
    """The gate's answer in a transaction of its own."""
    with atomic():
        return gate(rows.draft_id, rows.lead_id, JOB, part=part)


def test_a_reply_with_nothing_against_it_passes() -> None:
    rows = begin()

    assert ask(rows) is None


@pytest.mark.parametrize("reason", CONDITIONS)
def test_what_has_happened_before_refuses_the_reply(reason: str) -> None:
    rows = begin()
    CONDITIONS[reason](rows)

    assert ask(rows) == reason


def test_a_draft_that_is_not_there_is_refused() -> None:
    rows = begin()

    with atomic():
        answer = gate(uuid4(), rows.lead_id, JOB)

    assert answer == "draft_not_found"


def test_a_draft_of_another_lead_is_refused() -> None:
    rows = begin()
    rows.receive(mail(1, sender="other@prospect.example"))
    other = query("SELECT id FROM lead WHERE id <> %s", (rows.lead_id,))[0][0]

    with atomic():
        answers = [gate(rows.draft_id, lead_id, JOB) for lead_id in (other, uuid4())]

    assert answers == ["draft_lead_mismatch", "draft_lead_mismatch"]


def test_its_own_sending_and_its_own_sent_mail_do_not_stand_in_the_way() -> None:
    rows = begin()
    take_for_sending(rows.draft_id, JOB)
    query(
        "INSERT INTO lead_message (id, lead_id, direction, identity, body, draft_id, sent_at)"
        " VALUES (gen_random_uuid(), %s, 'outbound', 'own', '', %s, now())",
        (rows.lead_id, rows.draft_id),
    )

    assert ask(rows) is None


@pytest.mark.parametrize("answered", [False, True], ids=["before our reply", "after our reply"])
def test_what_arrives_later_is_newer_whatever_its_date_and_is_answered(answered: bool) -> None:
    rows = begin()
    if answered:
        record_sent(rows.outgoing(), sent_mail(2))
    later = rows.receive(mail(0))[0]

    answers = [ask(rows), ask(replace(rows, draft_id=rows.draft_for(later)))]

    assert answers == ["draft_status_sent" if answered else "newer_inbound_exists", None]


def test_a_mail_that_crossed_with_our_reply_to_the_one_before_is_answered() -> None:
    rows = begin()
    with atomic():
        let_out = gate(rows.draft_id, rows.lead_id, JOB)
    crossing = rows.receive(mail(2))[0]
    record_sent(rows.outgoing(), sent_mail(2))

    assert let_out is None
    assert ask(replace(rows, draft_id=rows.draft_for(crossing))) is None


@pytest.mark.parametrize("order", [(2, 3), (3, 2)], ids=["as written", "the other way round"])
def test_of_mails_that_come_in_one_ingest_the_one_with_the_latest_date_is_answered(order: tuple[int, int]) -> None:
    rows = begin()
    stored = dict(zip(order, rows.receive(*map(mail, order)), strict=True))

    answers = {number: ask(replace(rows, draft_id=rows.draft_for(stored[number]))) for number in order}

    assert answers == {2: "newer_inbound_exists", 3: None}


def test_a_client_that_resumes_sends_again() -> None:
    rows = begin()
    changes = [pause_client(CLIENT), pause_client(CLIENT), resume_client(CLIENT), resume_client(CLIENT)]

    assert changes == [True, False, True, False]
    assert ask(rows) is None


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (CONDITIONS["newer_inbound_exists"], None),
        (CONDITIONS["client_paused"], "client_paused"),
        (CONDITIONS["lead_opted_out"], "lead_opted_out"),
    ],
    ids=["newer inbound", "paused", "opted out"],
)
def test_later_parts_ask_for_kill_switch_and_opt_out_only(change: Change, answer: str | None) -> None:
    rows = begin()
    change(rows)

    assert ask(rows, part=2) == answer


#: Changes that may come at any moment, from other processes.
RACES = [
    "newer_inbound_exists",
    "campaign_not_auto_send",
    "client_paused",
    "lead_opted_out",
]


@contextmanager
def elsewhere() -> Iterator[Callable[[Callable[[], Answer]], Future[Answer]]]:
    """Runs calls in threads with connections of their own, which are closed afterwards."""

    def closing(call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        finally:
            close_connection()

    with ThreadPoolExecutor(2) as pool:
        yield lambda call: pool.submit(closing, call)


def waits_for_a_lock() -> bool:
    """Whether some backend of this database waits for a row that another has locked."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(query(sql)[0][0])


@pytest.mark.parametrize("reason", RACES)
def test_a_change_that_commits_while_the_gate_waits_is_seen(reason: str) -> None:
    rows, changed, commit = begin(), threading.Event(), threading.Event()

    def change() -> None:
        with atomic():
            CONDITIONS[reason](rows)
            changed.set()
            assert commit.wait(10)

    with elsewhere() as run:
        changing = run(change)
        assert changed.wait(10)
        answer = run(lambda: ask(rows))
        until(waits_for_a_lock, "the gate waits")
        commit.set()
        changing.result(10)

        assert answer.result(10) == reason


@pytest.mark.parametrize("reason", RACES)
def test_a_change_that_comes_after_the_decision_waits_for_its_commit(reason: str) -> None:
    rows, decided, commit = begin(), threading.Event(), threading.Event()

    def decide() -> str | None:
        with atomic():
            answer = gate(rows.draft_id, rows.lead_id, JOB)
            decided.set()
            assert commit.wait(10)
            return answer

    with elsewhere() as run:
        answer = run(decide)
        assert decided.wait(10)
        changing = run(lambda: CONDITIONS[reason](rows))
        until(waits_for_a_lock, "the change waits")
        too_early = changing.done()
        commit.set()
        changing.result(10)

        assert (answer.result(10), too_early) == (None, False)
    assert ask(rows) == reason
