"""The inbound actor: one draft and one send for a lead message, at its time; none for mail that is never answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import dramatiq
import pytest
import redis

from actors.broker import setup
from messaging.store import make_campaign
from models.database import query
from policy.errors import Terminal
from tests.integration.correspondence import CLIENT, begin, mail

Inbound = Callable[[str], dict[str, Any]]


@pytest.fixture
def inbound(ledger_database: str, redis_client: redis.Redis) -> Inbound:
    """The actor's function, as a worker calls it."""
    former = dramatiq.broker.global_broker
    setup()
    dramatiq.broker.global_broker = former
    from actors.families import inbound_post_process  # noqa: PLC0415  # it binds to the broker that setup() makes

    return inbound_post_process.fn


def sends() -> list[tuple[str, str, bool]]:
    """Dispatch key, lead message and whether it is due, of every send that was dispatched."""
    return query(
        "SELECT dispatch_key, lead_message_id, run_at <= clock_timestamp() FROM background_job"
        " WHERE actor = 'auto_send' ORDER BY created_at"
    )


def test_a_lead_message_is_drafted_once_and_its_send_dispatched_once(inbound: Inbound) -> None:
    rows = begin()
    message_id = rows.receive(mail(2))[0]

    answers = [inbound(str(message_id)) for _ in range(2)]

    drafts = query("SELECT id::text FROM draft WHERE lead_message_id = %s", (message_id,))
    assert answers == [{"drafted": drafts[0][0]}] * 2
    assert sends() == [(f"auto-send:{drafts[0][0]}", str(message_id), True)]


def test_a_draft_that_is_past_waiting_is_not_dispatched_again(inbound: Inbound) -> None:
    rows = begin()
    query("UPDATE draft SET status = 'refused', refusal = 'client_paused' WHERE id = %s", (rows.draft_id,))

    answer = inbound(str(rows.lead_message_id))

    assert answer == {"drafted": str(rows.draft_id)}
    assert sends() == []


def test_mail_that_is_never_answered_gets_no_draft_and_is_handled(inbound: Inbound) -> None:
    rows = begin()
    message_id = rows.receive(mail(2, headers=["Precedence: bulk"]))[0]

    answer = inbound(str(message_id))

    assert answer == {"refused": "bulk"}
    assert query("SELECT count(*) FROM draft WHERE lead_message_id = %s", (message_id,)) == [(0,)]
    assert query("SELECT processed_at IS NOT NULL FROM lead_message WHERE id = %s", (message_id,)) == [(True,)]
    assert sends() == []


def test_a_campaign_that_waits_sends_within_its_range_after_the_mail(inbound: Inbound) -> None:
    begin_at = datetime.now(timezone.utc)
    rows = begin()
    make_campaign(CLIENT, "slow", auto_send=True, delay_min_s=3_600, delay_max_s=7_200)
    query("UPDATE lead SET campaign_id = (SELECT id FROM campaign WHERE name = 'slow')")
    message_id = rows.receive(mail(2, date=begin_at - timedelta(minutes=1)))[0]

    inbound(str(message_id))

    sql = (
        "SELECT job.run_at - m.sent_at FROM background_job AS job JOIN lead_message AS m"
        " ON m.id::text = job.lead_message_id WHERE job.actor = 'auto_send'"
    )
    delay = query(sql)[0][0]
    assert timedelta(hours=1) <= delay <= timedelta(hours=2)


@pytest.mark.parametrize("lead_message_id", [str(UUID(int=7)), "not an id"])
def test_a_lead_message_that_is_not_there_can_never_be_answered(inbound: Inbound, lead_message_id: str) -> None:
    with pytest.raises(Terminal):
        inbound(lead_message_id)
