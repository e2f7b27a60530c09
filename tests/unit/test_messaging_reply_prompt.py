"""What a model is asked: all that it may use, and no more than its limits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from messaging.drafts import DraftRequest
from messaging.reply_prompt import QUESTION_BYTES, question

NOW = datetime(2026, 3, 2, 11, tzinfo=timezone.utc)
REQUEST = DraftRequest(
    inbound_text="What is it?",
    inbound_subject="Offer",
    inbound_sent_at=NOW,
    lead_name="Lea",
    client_name="Callboard",
    zone=timezone.utc,
    channel="sms",
    known_prices=["$49 per van"],
    objections=["invented_price: $45"],
)


def test_a_model_is_told_channel_prices_and_what_was_wrong() -> None:
    asked = json.loads(question(REQUEST))

    assert (asked["channel"], asked["known_prices"], asked["objections"]) == (
        "sms",
        ["$49 per van"],
        ["invented_price: $45"],
    )


def test_what_a_model_is_asked_has_an_end_whatever_the_lead_wrote() -> None:
    longest = replace(
        REQUEST,
        inbound_text='"\\\n\x01' * 100_000,
        inbound_subject="\ud83d" * 100_000,
        signature="ä" * 100_000,
        known_links=["https://cal.example/" + "a" * 10_000] * 1_000,
        known_prices=["$1" * 10_000] * 1_000,
        offered_slots=[NOW + timedelta(hours=number) for number in range(1_000)],
        objections=["x" * 10_000] * 1_000,
    )

    assert len(question(longest).encode()) <= QUESTION_BYTES
