"""Sending rates: what is over a rate waits for its place, and sends at once do not exceed it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from functools import partial
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from messaging.gate import gate
from messaging.sending_limits import OUTSIDE_HOURS, OVER_RATE, Wait
from models.database import atomic, query
from models.ledger.operators import Operator
from policy.errors import NotYet
from policy.sending_hours import next_opening, read_hours
from tests.integration.correspondence import CLIENT, Correspondence, begin, mail
from tests.integration.sending_cases import NOT_YET, CountingSink, Sender, another_day, client, elsewhere, wait
from tests.ledger_cases import dispatched

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

ANN = Operator("ann")
JOB = uuid4()


def drafts(rows: Correspondence, number: int) -> list[UUID]:
    """So many drafts, each for a lead of its own."""
    mails = [mail(1, sender=f"lead-{one}@prospect.example") for one in range(number)]
    return [rows.draft_for(message_id) for message_id in rows.receive(*mails)]


def next_draft(rows: Correspondence, number: int) -> UUID:
    """A draft for a further mail of the one lead, later than all that went out."""
    at = datetime.now(timezone.utc) + timedelta(hours=number)
    message_id = rows.receive(mail(number))[0]
    query("UPDATE lead_message SET sent_at = %s WHERE id = %s", (at, message_id))
    return rows.draft_for(message_id)


def let_out_ago(draft_id: UUID, seconds: float) -> None:
    query("UPDATE draft SET let_out_at = let_out_at - make_interval(secs => %s) WHERE id = %s", (seconds, draft_id))


def test_over_its_leads_rate_a_reply_waits_until_the_oldest_is_a_period_old(sender: Sender) -> None:
    rows = begin()
    client(lead_rate="1/h")
    sender.send(rows.draft_id)
    second = next_draft(rows, 2)
    (let_out_at,) = query("SELECT let_out_at FROM draft WHERE id = %s", (rows.draft_id,))[0]

    found = wait(second)
    other = drafts(rows, 1)[0]
    free = wait(other)
    let_out_ago(rows.draft_id, 3_600)
    later = wait(second)

    assert found == Wait(OVER_RATE, let_out_at + timedelta(hours=1))
    assert (free, later) == (None, None)


def test_over_its_clients_rate_a_reply_waits_whichever_its_lead(sink: CountingSink, sender: Sender) -> None:
    rows = begin()
    client(rate="2/h")
    some = drafts(rows, 3)

    answers = [sender.send(one) for one in some]

    assert [answer == NOT_YET for answer in answers] == [False, False, True]
    assert len(sink.mails) == 2
    assert query("SELECT count(*) FROM side_effect") == [(2,)]


def test_what_certainly_never_went_and_its_own_former_try_do_not_count(sender: Sender) -> None:
    rows = begin()
    client(rate="1/h")
    failed, other = drafts(rows, 2)
    sender.send(failed)
    query("UPDATE side_effect SET state = 'FAILED'")

    waits = wait(other)
    query("UPDATE side_effect SET state = 'UNKNOWN'")
    unknown = wait(other)
    query("UPDATE draft SET status = 'pending' WHERE id = %s", (failed,))
    query("DELETE FROM lead_message WHERE direction = 'outbound'")
    its_own = wait(failed)

    assert (waits, its_own) == (None, None)
    assert unknown is not None


def test_each_that_waits_for_its_clients_rate_gets_a_place_of_its_own(sender: Sender) -> None:
    rows = begin()
    client(rate="2/h")
    first, second, third = drafts(rows, 3)
    sender.send(first)
    let_out_ago(first, 600)
    sender.send(second)
    free_at = [
        row[0] + timedelta(hours=1)
        for row in query("SELECT let_out_at FROM draft WHERE let_out_at IS NOT NULL ORDER BY 1")
    ]

    places = []
    for _ in range(3):
        found = wait(third)
        assert found is not None
        places.append(found.until)
        ahead = dispatched(actor="auto_send", client_id=CLIENT, run_at=found.until)
        query("UPDATE background_job SET attempts = 1 WHERE id = %s", (ahead.id,))

    assert places == [*free_at, free_at[0] + timedelta(hours=1)]


def test_a_place_that_is_outside_the_hours_becomes_the_next_opening(sender: Sender) -> None:
    rows, hours = begin(), another_day()
    client(rate="1/1h")
    first, second = drafts(rows, 2)
    sender.send(first)
    client(sending_hours=hours)

    found = wait(second)

    opening = next_opening(read_hours(hours), datetime.now(timezone.utc), ZoneInfo("UTC"))
    assert found == Wait(OUTSIDE_HOURS, opening)  # type: ignore[arg-type]  # such a window opens


def test_sends_at_once_never_exceed_their_clients_rate() -> None:
    """The client's row is shared, so only the rate's own row makes them count one after the other."""
    rows = begin()
    client(rate="3/h")
    some = [(one, *query("SELECT lead_id FROM draft WHERE id = %s", (one,))[0]) for one in drafts(rows, 8)]
    start = threading.Barrier(8)

    def ask(draft_id: UUID, lead_id: UUID) -> str:
        start.wait(30)
        try:
            with atomic():
                refused = gate(draft_id, lead_id, JOB)
                # As the intent does, between the decision and its commit.
                query("SELECT pg_sleep(0.05)")
        except NotYet as later:
            return later.reason
        return refused or "let out"

    with elsewhere(8) as run:
        asked = [run(partial(ask, *one)) for one in some]
        answers = [one.result(60) for one in asked]

    assert sorted(answers) == ["let out"] * 3 + [OVER_RATE] * 5
