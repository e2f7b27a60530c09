"""Conversations and scores from stated rules; the table of rules stands in the page as in the code."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.conversations import ConversationStatus, MessageFacts, roll_up
from messaging.scoring import RULES, LeadFacts, score_lead
from messaging.stuck_drafts import Fate, fate_of
from policy.states import EffectState

NOW = datetime(2026, 2, 17, 12, tzinfo=timezone.utc)
QUIET = LeadFacts(("Thanks.",), NOW - timedelta(days=10), 1, False, False, NOW)


def inbound(
    hours_ago: float, arrival: int = 1, never_answer: str | None = None, draft_status: str | None = None
) -> MessageFacts:
    return MessageFacts("inbound", NOW - timedelta(hours=hours_ago), arrival, never_answer, draft_status)


def outbound(hours_ago: float, arrival: int = 2, answers: int | None = None) -> MessageFacts:
    return MessageFacts("outbound", NOW - timedelta(hours=hours_ago), arrival, answers=answers)


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        pytest.param([inbound(1)], "awaiting_us", id="they wrote"),
        pytest.param([inbound(2), outbound(1)], "awaiting_lead", id="we answered"),
        pytest.param([outbound(2, 1), inbound(1, 2)], "awaiting_us", id="they answered"),
        pytest.param([inbound(9, 3), outbound(2, 2)], "awaiting_us", id="an old date that arrived last"),
        pytest.param([inbound(3), inbound(2, 2), outbound(1, 3, answers=1)], "awaiting_us", id="it crossed our reply"),
        pytest.param([inbound(3), outbound(1, 3, answers=1), outbound(1, 4)], "awaiting_lead", id="of no draft"),
        pytest.param([inbound(1, never_answer="auto_submitted")], "not_answered", id="never answered"),
        pytest.param([inbound(1, draft_status="refused")], "not_answered", id="refused by the gate"),
        pytest.param([inbound(2, draft_status="held"), inbound(1)], "held", id="an outcome nobody knows"),
    ],
)
def test_turn_is_told_by_the_newest_message(messages: list[MessageFacts], status: str) -> None:
    assert roll_up(messages, opted_out=False).status.value == status


def test_lead_that_opted_out_awaits_nobody() -> None:
    assert roll_up([inbound(1)], opted_out=True).status is ConversationStatus.OPTED_OUT


def test_conversation_without_messages_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        roll_up([], opted_out=False)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1_000), st.integers(1, 10_000)), min_size=1), st.randoms())
def test_order_of_the_rows_plays_no_part(rows: list[tuple[bool, int, int]], random: object) -> None:
    rows = list({row[2]: row for row in rows}.values())
    messages = [inbound(hours, arrival) if is_in else outbound(hours, arrival) for is_in, hours, arrival in rows]
    shuffled = sorted(messages, key=lambda _: random.random())  # type: ignore[attr-defined]  # hypothesis' own type

    rolled = roll_up(messages, opted_out=False)

    assert roll_up(shuffled, opted_out=False) == rolled
    assert rolled.inbound + rolled.outbound == len(messages)
    assert rolled.last_arrival == max(arrival for _, _, arrival in rows)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inbound_texts": ("Could we schedule a call",)}, "asks_to_meet"),
        ({"inbound_texts": ("What is the price",)}, "asks_for_price"),
        ({"inbound_texts": ("I am not interested in a call",)}, "says_no"),
        ({"inbound_texts": ("Really?",)}, "asks_a_question"),
        ({"inbound_texts": ("One.", "Two.")}, "wrote_more_than_once"),
        ({"inbound_texts": (), "last_inbound_at": None}, "never_wrote"),
        ({"last_inbound_at": NOW - timedelta(days=7)}, "wrote_within_a_week"),
        ({"last_inbound_at": NOW - timedelta(days=31)}, "silent_for_a_month"),
        ({"opted_out": True}, "opted_out"),
        ({"automatic": True}, "automatic_reply"),
    ],
)
def test_rule_holds_alone_and_moves_the_score_by_its_points(change: dict[str, object], reason: str) -> None:
    quiet = score_lead(QUIET)

    scored = score_lead(replace(QUIET, **change))  # type: ignore[arg-type]  # fields by name

    points = next(rule.points for rule in RULES if rule.name == reason)
    assert quiet.reasons == ()
    assert scored.reasons == ((reason, points),)
    assert scored.score == max(0, quiet.score + points)


def test_no_beats_the_meeting_that_it_declines() -> None:
    scored = score_lead(replace(QUIET, inbound_texts=("No thanks, I do not want a meeting",)))

    assert [name for name, _ in scored.reasons] == ["says_no"]


@given(
    st.lists(st.text()).map(tuple),
    st.none() | st.datetimes(timezones=st.just(timezone.utc)),
    st.booleans(),
    st.booleans(),
)
def test_score_stays_between_0_and_100(
    texts: tuple[str, ...], last: datetime | None, opted_out: bool, automatic: bool
) -> None:
    assert 0 <= score_lead(LeadFacts(texts, last, 0, opted_out, automatic, NOW)).score <= 100


def test_rules_stand_in_the_page_with_their_points() -> None:
    page = (Path(__file__).parents[2] / "docs/schedule.md").read_text(encoding="utf-8")

    written = re.findall(r"^\| `(\w+)` \| (-?\d+) \|$", page, re.MULTILINE)

    assert written == [(rule.name, str(rule.points)) for rule in RULES]


@pytest.mark.parametrize("effect", [None, *EffectState])
@pytest.mark.parametrize("before", [[], [EffectState.CONFIRMED]], ids=["alone", "after a part that went out"])
def test_only_confirmed_effects_mean_sent_and_only_known_ones_are_not_held(
    before: list[EffectState], effect: EffectState | None
) -> None:
    fate = fate_of([*before, effect])

    assert (fate is Fate.SENT) == (effect is EffectState.CONFIRMED)
    assert (fate is Fate.HELD) == (effect in (EffectState.INTENDED, EffectState.UNKNOWN))


def test_a_part_that_went_out_does_not_make_a_draft_sent_whose_last_part_is_missing() -> None:
    assert fate_of([EffectState.CONFIRMED, EffectState.CONFIRMED, None]) is Fate.FAILED
    assert fate_of([EffectState.CONFIRMED, EffectState.REFUSED, None]) is Fate.REFUSED
