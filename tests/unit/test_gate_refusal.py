"""The gate's conditions as a table: each reason code by the one fact that calls for it, and their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

import pytest

from messaging.gate import DraftFacts, LeadFacts, Trigger, refusal
from messaging.gate_words import meaning

LEAD, OTHER_LEAD = UUID(int=1), UUID(int=2)
JOB, OTHER_JOB = UUID(int=11), UUID(int=12)
AT = datetime(2026, 3, 2, 10, 0, tzinfo=timezone.utc)

TRIGGER = Trigger(LEAD, "Could you tell me more?", AT)
DRAFT = DraftFacts(
    lead_id=LEAD,
    status="pending",
    sending_job_id=None,
    content="Thank you for your message.",
    drafted_at=AT,
    trigger=TRIGGER,
    newer_inbound=False,
    outbound_after_trigger=False,
)
SENDER = LeadFacts(auto_sends=True, client_paused=False, opted_out=False, timezone="Europe/Berlin", scheduling_links=())

#: What the draft or the sender has instead, and the code that it calls for.
REFUSED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("draft_lead_mismatch", {"lead_id": OTHER_LEAD}, {}),
    ("draft_lead_mismatch", {"trigger": replace(TRIGGER, lead_id=OTHER_LEAD)}, {}),
    ("draft_status_sending", {"status": "sending", "sending_job_id": OTHER_JOB}, {}),
    ("draft_status_sent", {"status": "sent", "sending_job_id": JOB}, {}),
    ("draft_status_refused", {"status": "refused"}, {}),
    ("draft_status_held", {"status": "held", "sending_job_id": JOB}, {}),
    ("draft_status_failed", {"status": "failed"}, {}),
    ("trigger_message_not_found", {"trigger": None}, {}),
    ("newer_inbound_exists", {"newer_inbound": True}, {}),
    ("outbound_after_trigger", {"outbound_after_trigger": True}, {}),
    ("no_campaign", {}, {"auto_sends": None}),
    ("campaign_not_auto_send", {}, {"auto_sends": False}),
    ("client_paused", {}, {"client_paused": True}),
    ("lead_opted_out", {}, {"opted_out": True}),
    ("empty_draft", {"content": " \n\t"}, {}),
    ("fabricated_link", {"content": "Book here: https://calendly.com/somebody/30min"}, {}),
    ("placeholder_left", {"content": "Hello [Name], which days suit you?"}, {}),
    ("invented_price", {"content": "It is $45 a month."}, {"known_prices": ("$49 a month",)}),
    ("unoffered_commitment", {"content": "You are booked for 6am."}, {}),
    ("sms_too_long", {"content": "word " * 200, "trigger": replace(TRIGGER, channel="sms")}, {}),
    # Two at once: the earlier condition gives the reason.
    ("newer_inbound_exists", {"newer_inbound": True, "outbound_after_trigger": True}, {"client_paused": True}),
    ("draft_status_sent", {"status": "sent", "newer_inbound": True}, {}),
    ("client_paused", {"content": ""}, {"client_paused": True, "opted_out": True}),
]


@pytest.mark.parametrize(
    ("reason", "draft", "sender"), REFUSED, ids=[f"{number}-{row[0]}" for number, row in enumerate(REFUSED)]
)
def test_each_condition_that_does_not_hold_gives_its_reason_code(
    reason: str, draft: dict[str, Any], sender: dict[str, Any]
) -> None:
    found, lead = replace(DRAFT, **draft), replace(SENDER, **sender)

    answer = refusal(found, lead, LEAD, JOB)

    assert answer == reason


def test_a_draft_that_is_not_there_is_refused_by_name() -> None:
    answer = refusal(None, SENDER, LEAD, JOB)

    assert answer == "draft_not_found"


@pytest.mark.parametrize(
    "draft", [DRAFT, replace(DRAFT, status="sending", sending_job_id=JOB)], ids=["pending", "sending-by-this-job"]
)
def test_a_draft_whose_conditions_all_hold_goes_out(draft: DraftFacts) -> None:
    answer = refusal(draft, SENDER, LEAD, JOB)

    assert answer is None


@pytest.mark.parametrize("status", ["pending", "refused", "failed"])
def test_a_person_may_have_a_draft_sent_that_never_went_out_whatever_the_campaign_does(status: str) -> None:
    answer = refusal(replace(DRAFT, status=status), replace(SENDER, auto_sends=False), LEAD, None, by_hand=True)

    assert answer is None


#: What a person's wish does not change.
BY_HAND = [
    row for row in REFUSED if row[0] not in {"campaign_not_auto_send", "draft_status_refused", "draft_status_failed"}
]


@pytest.mark.parametrize(
    ("reason", "draft", "sender"), BY_HAND, ids=[f"{number}-{row[0]}" for number, row in enumerate(BY_HAND)]
)
def test_a_send_by_hand_is_refused_for_everything_else(
    reason: str, draft: dict[str, Any], sender: dict[str, Any]
) -> None:
    found, lead = replace(DRAFT, **draft), replace(SENDER, **sender)

    answer = refusal(found, lead, LEAD, JOB, by_hand=True)

    assert answer == reason


@pytest.mark.parametrize("reason", sorted({row[0] for row in REFUSED} | {"draft_not_found"}))
def test_every_reason_code_has_a_sentence(reason: str) -> None:
    assert meaning(reason).endswith(".")


def test_a_reason_that_is_not_the_gates_stands_for_itself() -> None:
    assert meaning("draft_status_lost") == "draft_status_lost"


def test_a_link_of_the_client_is_no_fabrication() -> None:
    link = "https://calendly.com/somebody/30min"

    answer = refusal(replace(DRAFT, content=f"Book here: {link}"), replace(SENDER, scheduling_links=(link,)), LEAD, JOB)

    assert answer is None
