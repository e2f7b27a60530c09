"""The deterministic drafter: what it says, and that it breaks no invariant."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.drafts import DeterministicDrafter, Drafter, DraftRequest, DraftText, reply_subject
from messaging.invariants import DraftContext, violations

BERLIN = ZoneInfo("Europe/Berlin")
SENT_AT = datetime(2026, 3, 2, 9, tzinfo=BERLIN)
SLOTS = tuple(datetime(2026, 3, day, 15, 30, tzinfo=BERLIN) for day in (6, 3, 5, 4))


def request(
    inbound: str = "When are you free?",
    *,
    slots: tuple[datetime, ...] = SLOTS,
    links: tuple[str, ...] = (),
    lead_name: str = "Ann Lee",
    signature: str = "",
) -> DraftRequest:
    return DraftRequest(inbound, "Hello", SENT_AT, lead_name, "Callboard", BERLIN, slots, links, signature)


def draft(given_request: DraftRequest) -> DraftText:
    drafter: Drafter = DeterministicDrafter()
    return drafter.draft(given_request)


def test_draft_offers_the_three_earliest_slots_on_the_leads_clock() -> None:
    body = draft(request()).body

    assert "- Tuesday, March 3, 2026 at 3:30 PM (CET)\n- Wednesday, March 4" in body
    assert "March 6" not in body


def test_draft_without_slots_gives_the_known_link() -> None:
    assert "https://calendly.com/acme" in draft(request(slots=(), links=("https://calendly.com/acme",))).body


def test_draft_with_neither_asks_for_times() -> None:
    assert "which days and times would suit you" in draft(request(slots=())).body


def test_refusal_is_met_with_no_offer() -> None:
    body = draft(request("Please remove me from your list.")).body

    assert "will not write to you again" in body
    assert "March" not in body


@pytest.mark.parametrize(
    ("name", "greeting"),
    [("Ann Lee", "Hello Ann Lee,"), ("", "Hello,"), ("ann@example.org", "Hello,"), ("{{name}}", "Hello,")],
)
def test_greeting_uses_a_name_that_is_one(name: str, greeting: str) -> None:
    assert draft(request(lead_name=name)).body.startswith(greeting + "\n")


def test_campaigns_signature_closes_the_draft() -> None:
    assert draft(request(signature="Yours,\nAnn\n")).body.endswith("Yours,\nAnn\n")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Hello", "Re: Hello"),
        ("RE: AW: Re[2]: Hello", "Re: Hello"),
        ("Fwd: Hello\r\n there", "Re: Hello there"),
        ("Regarding: you", "Re: Regarding: you"),
        ("", "Re: your message"),
    ],
)
def test_subject_has_one_re(subject: str, expected: str) -> None:
    assert reply_subject(subject) == expected


def test_same_request_gives_the_same_draft_and_digest() -> None:
    assert draft(request()) == draft(request())


def test_digest_changes_with_the_inputs() -> None:
    assert draft(request("A")).inputs_digest != draft(request("B")).inputs_digest


@settings(max_examples=100, deadline=None)
@given(
    inbound=st.sampled_from(
        [
            "When are you free this week?",
            "Können wir Donnerstag um 16 Uhr telefonieren?",
            "Jeudi à 15h30, est-ce possible ?",
            "Not interested, thanks.",
            "How much is it?",
            "Here is my link: https://cal.com/me",
            "Tuesday between 2 and 4pm.",
            "",
            "👋",
        ]
    ),
    offsets=st.lists(st.integers(min_value=60, max_value=60 * 24 * 40), max_size=6, unique=True),
    links=st.sampled_from([(), ("https://calendly.com/acme/intro",)]),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]),
)
def test_draft_breaks_no_invariant(inbound: str, offsets: list[int], links: tuple[str, ...], zone: str) -> None:
    clock = ZoneInfo(zone)
    slots = tuple(SENT_AT + timedelta(minutes=5 * (offset // 5)) for offset in offsets)
    written = draft(DraftRequest(inbound, "Hello", SENT_AT, "Ann", "Callboard", clock, slots, links))

    assert violations(written.body, DraftContext(inbound, SENT_AT, slots, clock, links)) == []
