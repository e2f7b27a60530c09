"""Sending hours and rates: what may not go out yet waits, with nothing intended and nothing spent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import dramatiq
import psycopg2
import pytest

from actors.broker import setup
from messaging.client_settings import set_campaign, set_client
from messaging.draft_store import take_for_sending
from messaging.gate import gate, judge
from messaging.sending_limits import OUTSIDE_HOURS, OVER_RATE, Wait
from messaging.store import pause_client
from models.database import atomic, query
from models.ledger.operators import Operator
from policy.errors import NotYet, Terminal
from policy.sending_hours import DAYS, next_opening, read_hours
from tests.broker_cases import acting_process
from tests.integration.correspondence import CLIENT, Correspondence, begin, draft_row, mail
from tests.integration.sending_cases import NOT_YET, CountingSink, Sender, elsewhere, sink_in_force
from tests.ledger_cases import dispatched

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

ANN = Operator("ann")
JOB = uuid4()


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch, ledger_database: str) -> Iterator[CountingSink]:
    with sink_in_force(monkeypatch) as sink:
        yield sink


@pytest.fixture
def sender(sink: CountingSink) -> Sender:
    former = dramatiq.broker.global_broker
    broker = setup()
    dramatiq.broker.global_broker = former
    return Sender(acting_process(broker))


def client(**wanted: str) -> None:
    set_client(CLIENT, wanted, ANN)


def campaign(**wanted: Any) -> None:
    set_campaign(CLIENT, "default", wanted, ANN)


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


def wait(draft_id: UUID, lead_id: UUID, **options: Any) -> Wait | None:
    """The gate's wait for the draft, and no refusal."""
    with atomic():
        judged = judge(draft_id, lead_id, JOB, **options)
    assert judged.reason is None
    return judged.wait


def another_day() -> str:
    """A window of a day that is neither today's nor tomorrow's anywhere."""
    return f"{DAYS[(datetime.now(timezone.utc).weekday() + 3) % 7]} 09:00-17:00"


def let_out_ago(draft_id: UUID, seconds: float) -> None:
    query("UPDATE draft SET let_out_at = let_out_at - make_interval(secs => %s) WHERE id = %s", (seconds, draft_id))


def test_outside_the_hours_a_reply_waits_and_nothing_is_intended(sink: CountingSink, sender: Sender) -> None:
    rows = begin()
    client(sending_hours=another_day())

    answer = sender.send(rows.draft_id)

    assert (answer, sink.mails) == (NOT_YET, [])
    assert query("SELECT count(*) FROM side_effect") == [(0,)]
    assert query("SELECT status, sending_job_id, let_out_at FROM draft") == [("pending", None, None)]


def test_a_reply_that_waited_goes_out_once_it_is_open(sink: CountingSink, sender: Sender) -> None:
    rows, job = begin(), dispatched(actor="auto_send", client_id=CLIENT)
    client(sending_hours=another_day())
    sender.send(rows.draft_id, job=job)
    client(sending_hours="always")

    answer = sender.again(rows.draft_id, job)

    assert (answer["replayed"], len(sink.mails)) == (False, 1)
    assert draft_row(rows.draft_id) == ("sent", None)


@pytest.mark.parametrize("name", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_it_waits_for_the_next_opening_by_the_clients_clock(name: str) -> None:
    rows, hours = begin(), another_day()
    client(sending_hours=hours, timezone=name)

    found = wait(rows.draft_id, rows.lead_id)

    opening = next_opening(read_hours(hours), datetime.now(timezone.utc), ZoneInfo(name))
    assert opening is not None
    assert found == Wait(OUTSIDE_HOURS, opening)


def test_a_campaign_has_hours_and_a_clock_of_its_own() -> None:
    rows, hours = begin(), another_day()
    client(sending_hours="never", timezone="Europe/Berlin")
    campaign(sending_hours=hours, timezone="Asia/Tokyo")
    opening = next_opening(read_hours(hours), datetime.now(timezone.utc), ZoneInfo("Asia/Tokyo"))

    waits = wait(rows.draft_id, rows.lead_id)
    campaign(sending_hours="always")
    goes = wait(rows.draft_id, rows.lead_id)
    campaign(sending_hours=None)
    inherits = wait(rows.draft_id, rows.lead_id)

    assert waits is not None
    assert waits.until == opening
    assert goes is None
    assert inherits is not None


def test_hours_that_never_open_are_looked_at_again_a_day_later() -> None:
    rows = begin()
    client(sending_hours="never")
    before = datetime.now(timezone.utc)

    found = wait(rows.draft_id, rows.lead_id)

    assert found is not None
    assert timedelta(hours=23) < found.until - before < timedelta(hours=25)


def test_a_refusal_does_not_wait_for_the_hours() -> None:
    rows = begin()
    client(sending_hours="never")
    pause_client(CLIENT)

    with atomic():
        answer = gate(rows.draft_id, rows.lead_id, JOB)

    assert answer == "client_paused"


def test_later_parts_and_what_may_be_on_its_way_do_not_wait() -> None:
    rows = begin()
    client(sending_hours="never")
    take_for_sending(rows.draft_id, JOB)
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state)"
        " VALUES (%s, 'email', %s, 'r', 1, 'INTENDED')",
        (f"reply:{rows.lead_message_id}:1", JOB),
    )

    with atomic():
        answers = [gate(rows.draft_id, rows.lead_id, JOB, part=part) for part in (1, 2)]

    assert answers == [None, None]


def test_a_send_by_hand_waits_alike() -> None:
    rows = begin()
    client(sending_hours="never")

    assert wait(rows.draft_id, rows.lead_id, by_hand=True) is not None


def test_hours_that_cannot_be_read_stop_the_reply_where_an_operator_sees_it() -> None:
    rows = begin()
    query("UPDATE client SET sending_hours = 'foo 09:00-17:00'")

    with atomic(), pytest.raises(Terminal, match="'foo' is no day"):
        gate(rows.draft_id, rows.lead_id, JOB)


@pytest.mark.parametrize("table", ["client", "campaign"])
def test_the_table_refuses_hours_of_another_form(table: str) -> None:
    begin()

    with pytest.raises(psycopg2.errors.CheckViolation):
        query(f"UPDATE {table} SET sending_hours = 'nine to five'")


def test_over_its_leads_rate_a_reply_waits_until_the_oldest_is_a_period_old(sender: Sender) -> None:
    rows = begin()
    client(lead_rate="1/h")
    sender.send(rows.draft_id)
    second = next_draft(rows, 2)
    (let_out_at,) = query("SELECT let_out_at FROM draft WHERE id = %s", (rows.draft_id,))[0]

    found = wait(second, rows.lead_id)
    other = drafts(rows, 1)[0]
    free = wait(other, query("SELECT lead_id FROM draft WHERE id = %s", (other,))[0][0])
    let_out_ago(rows.draft_id, 3_600)
    later = wait(second, rows.lead_id)

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

    waits = wait(other, query("SELECT lead_id FROM draft WHERE id = %s", (other,))[0][0])
    query("UPDATE side_effect SET state = 'UNKNOWN'")
    unknown = wait(other, query("SELECT lead_id FROM draft WHERE id = %s", (other,))[0][0])
    query("UPDATE draft SET status = 'pending' WHERE id = %s", (failed,))
    query("DELETE FROM lead_message WHERE direction = 'outbound'")
    its_own = wait(failed, query("SELECT lead_id FROM draft WHERE id = %s", (failed,))[0][0])

    assert (waits, its_own) == (None, None)
    assert unknown is not None


def test_each_that_waits_for_its_clients_rate_gets_a_place_of_its_own(sender: Sender) -> None:
    rows = begin()
    client(rate="2/h")
    first, second, third = drafts(rows, 3)
    sender.send(first)
    let_out_ago(first, 600)
    sender.send(second)
    lead_id = query("SELECT lead_id FROM draft WHERE id = %s", (third,))[0][0]
    free_at = [
        row[0] + timedelta(hours=1)
        for row in query("SELECT let_out_at FROM draft WHERE let_out_at IS NOT NULL ORDER BY 1")
    ]

    places = []
    for _ in range(3):
        found = wait(third, lead_id)
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

    found = wait(second, query("SELECT lead_id FROM draft WHERE id = %s", (second,))[0][0])

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
        asked = [run(lambda one=one: ask(*one)) for one in some]
        answers = [one.result(60) for one in asked]

    assert sorted(answers) == ["let out"] * 3 + [OVER_RATE] * 5
