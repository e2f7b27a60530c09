"""The five invariants on their tables of cases, which docs/invariants.md shows; and what holds for any draft."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.invariants import CRITICAL_INVARIANTS, DraftContext, Violation, violations

ROOT = Path(__file__).parent.parent.parent
TABLES = sorted((ROOT / "tests" / "data" / "invariants").glob("*.json"))
NEW_YORK = ZoneInfo("America/New_York")
SLOTS = (datetime(2026, 3, 3, 10, tzinfo=NEW_YORK), datetime(2026, 3, 5, 15, 30, tzinfo=NEW_YORK))
TELLING_WORDS = "at 3 4pm Tuesday March 5 the 5th , . ? confirmed link book here $9 10-11 noon or"
MONDAY = datetime(2026, 3, 2, 9, tzinfo=NEW_YORK)


def context(inbound: str = "Could we set up a call?", *, links: tuple[str, ...] = ()) -> DraftContext:
    return DraftContext(inbound, MONDAY, SLOTS, NEW_YORK, links)


def names(draft: str, given_context: DraftContext) -> list[str]:
    return [violation.name for violation in violations(draft, given_context)]


def cases() -> Iterator[object]:
    for file in TABLES:
        table = json.loads(file.read_text(encoding="utf-8"))
        zone = ZoneInfo(table["zone"])
        for case in table["cases"]:
            slots = (datetime.fromisoformat(slot) for slot in case.get("slots", table["slots"]))
            case_context = DraftContext(
                inbound_text=case.get("inbound", table["inbound"]),
                inbound_sent_at=datetime.fromisoformat(table["sent_at"]),
                offered_slots=tuple(slot.replace(tzinfo=zone) for slot in slots),
                zone=zone,
                known_links=tuple(case.get("links", ())),
            )
            name = table["invariant"]
            yield pytest.param(name, case["draft"], case_context, case["broken"], id=f"{name}: {case['name']}")


@pytest.mark.parametrize(("invariant", "draft", "case_context", "broken"), list(cases()))
def test_invariant_holds_or_breaks_as_its_table_says(
    invariant: str, draft: str, case_context: DraftContext, broken: bool
) -> None:
    assert (invariant in names(draft, case_context)) is broken


def whole_drafts() -> Iterator[object]:
    """Replies in many styles, each with all that it breaks."""
    table = json.loads((ROOT / "tests" / "data" / "whole_drafts.json").read_text(encoding="utf-8"))
    for case in table["cases"]:
        situation = table["situations"][case["situation"]]
        zone = ZoneInfo(situation["zone"])
        case_context = DraftContext(
            inbound_text=case["inbound"],
            inbound_sent_at=datetime.fromisoformat(situation["sent_at"]),
            offered_slots=tuple(datetime.fromisoformat(slot).replace(tzinfo=zone) for slot in situation["slots"]),
            zone=zone,
            known_links=tuple(case.get("links", ())),
        )
        yield pytest.param(case["draft"], case_context, case["broken"], id=case["name"])


@pytest.mark.parametrize(("draft", "case_context", "broken"), list(whole_drafts()))
def test_a_whole_draft_breaks_what_its_case_names_and_nothing_else(
    draft: str, case_context: DraftContext, broken: list[str]
) -> None:
    assert names(draft, case_context) == broken


def test_each_invariant_has_a_table_with_a_dozen_cases_either_way() -> None:
    tables = [json.loads(file.read_text(encoding="utf-8")) for file in TABLES]

    assert {table["invariant"] for table in tables} == set(CRITICAL_INVARIANTS)
    for table in tables:
        broken = [case["broken"] for case in table["cases"]]
        assert broken.count(True) >= 12
        assert broken.count(False) >= 12


def test_every_case_is_written_out_in_the_document() -> None:
    document = (ROOT / "docs" / "invariants.md").read_text(encoding="utf-8")

    for file in TABLES:
        for case in json.loads(file.read_text(encoding="utf-8"))["cases"]:
            assert f"| {case['name']} |" in document


def test_evidence_is_the_drafts_own_words() -> None:
    found = violations("How about Tuesday at 4pm? Book at calendly.com/acme.", context())

    assert found == [
        Violation("slot_mismatch", "Tuesday 4pm"),
        Violation("fabricated_link", "calendly.com/acme"),
    ]


def test_violations_come_once_each_in_a_fixed_order() -> None:
    draft = "Confirmed for Wednesday at 4pm and Friday at 5pm. Use calendly.com/a or calendly.com/b."

    assert names(draft, context()) == ["slot_mismatch", "date_mismatch", "fabricated_link"]


def test_empty_draft_breaks_nothing_else() -> None:
    assert names(" \n", context()) == ["empty_draft"]


def test_relative_days_of_the_draft_are_counted_from_its_own_day() -> None:
    inbound = DraftContext("Can we talk?", MONDAY, SLOTS, NEW_YORK, drafted_on=date(2026, 3, 4))

    assert names("Confirmed for tomorrow at 3:30pm.", inbound) == []
    assert names("Confirmed for tomorrow at 3:30pm.", context("Can we talk?")) == ["slot_mismatch"]


def test_slots_are_read_on_the_clock_of_the_zone() -> None:
    slots = tuple(slot.astimezone(timezone.utc) for slot in SLOTS)
    in_utc = DraftContext("Can we talk?", MONDAY, slots, timezone.utc)

    assert names("Tuesday at 15:00?", in_utc) == []
    assert names("Tuesday at 10:00?", in_utc) == ["slot_mismatch"]


def test_late_slot_keeps_its_local_day() -> None:
    late = (datetime(2026, 3, 4, 2, 0, tzinfo=timezone.utc),)
    evening = DraftContext("Can we talk?", MONDAY, late, NEW_YORK)

    assert names("You are confirmed for Tuesday at 9pm.", evening) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_judged_without_an_error(draft: str, inbound: str) -> None:
    found = violations(draft, context(inbound))

    assert {violation.name for violation in found} <= set(CRITICAL_INVARIANTS)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(TELLING_WORDS.split())))
def test_any_order_of_telling_words_is_judged_without_an_error(words: list[str]) -> None:
    found = violations(" ".join(words), context(" ".join(reversed(words))))

    assert len({violation.name for violation in found}) == len(found)
