"""Sending hours: what may not go out at this hour waits, with nothing intended and nothing spent."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg2
import pytest

from messaging.client_settings import set_campaign
from messaging.draft_store import take_for_sending
from messaging.gate import gate
from messaging.sending_limits import OUTSIDE_HOURS, Wait
from messaging.store import pause_client
from models.database import atomic, query
from models.ledger.operators import Operator
from policy.errors import Terminal
from policy.sending_hours import next_opening, read_hours
from tests.integration.correspondence import CLIENT, begin, draft_row
from tests.integration.sending_cases import NOT_YET, CountingSink, Sender, another_day, client, wait
from tests.ledger_cases import dispatched

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

ANN = Operator("ann")
JOB = uuid4()


def campaign(**wanted: Any) -> None:
    set_campaign(CLIENT, "default", wanted, ANN)


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

    found = wait(rows.draft_id)

    opening = next_opening(read_hours(hours), datetime.now(timezone.utc), ZoneInfo(name))
    assert opening is not None
    assert found == Wait(OUTSIDE_HOURS, opening)


def test_a_campaign_has_hours_and_a_clock_of_its_own() -> None:
    rows, hours = begin(), another_day()
    client(sending_hours="never", timezone="Europe/Berlin")
    campaign(sending_hours=hours, timezone="Asia/Tokyo")
    opening = next_opening(read_hours(hours), datetime.now(timezone.utc), ZoneInfo("Asia/Tokyo"))

    waits = wait(rows.draft_id)
    campaign(sending_hours="always")
    goes = wait(rows.draft_id)
    campaign(sending_hours=None)
    inherits = wait(rows.draft_id)

    assert waits is not None
    assert waits.until == opening
    assert goes is None
    assert inherits is not None


def test_hours_that_never_open_are_looked_at_again_a_day_later() -> None:
    rows = begin()
    client(sending_hours="never")
    before = datetime.now(timezone.utc)

    found = wait(rows.draft_id)

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

    assert wait(rows.draft_id, by_hand=True) is not None


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
