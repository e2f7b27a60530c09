"""The rules of replies beside the invariants: placeholders, amounts and prices, dispositions, objections."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.dispositions import Disposition, disposition
from messaging.formats import Channel
from messaging.guardrails.amounts import find_amounts
from messaging.guardrails.placeholders import placeholders
from messaging.guardrails.pricing import invented_prices
from messaging.invariants import CRITICAL_INVARIANTS, DraftContext
from messaging.objections import REPLY_RULES, objections

NEW_YORK = ZoneInfo("America/New_York")
PRICES = ("$49 per van and month",)
CONTEXT = DraftContext(
    "Could we set up a call?", datetime(2026, 3, 2, 9, tzinfo=NEW_YORK), zone=NEW_YORK, known_prices=PRICES
)


def names(draft: str, context: DraftContext = CONTEXT) -> list[str]:
    return [each.name for each in objections(draft, context)]


@pytest.mark.parametrize(
    "text",
    [
        "Hi [Name],", "Dear [first name]", "{{ first_name }}", "{company}", "{% if name %}", "${name}", "*|FNAME|*",
        "%%name%%", "%FIRST_NAME%", "<<company>>", "[[lead]]", "<insert date>", "<your company>", "(insert link here)",
        "Our office: TBD", "TBA", "TODO: more", "It costs $XX", "XX% more", "at XX:XX", "ask XXX", "I am _____",
        "[...]", "<??>", "Lorem ipsum dolor", "[Vorname] [Nachname]", "[fecha]", "[\u200bName]",
    ],
)  # fmt: skip
def test_what_was_to_be_filled_in_is_found(text: str) -> None:
    assert placeholders(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "", "Hi Ada,", "[1] and [2]", "he wrote [sic]", "[EXTERNAL] routes", "[the plan](https://x.example/plan)",
        "<ada@canal.example>", "<https://x.example/name/date>", "Love, xxx", "size XXL", "II, III and XX",
        "(see below)", "(add milk, then stir)"[5:], "a_b_c and __init__", "100% of {1, 2, 3}", "> Hi [Name]",
        "<b>bold</b>", "5 < 6 and 7 > 3", "Mr. Insert Coin",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_placeholder_is_none(text: str) -> None:
    assert placeholders(text) == []


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("$1,200", "1200", "USD"),
        ("1.200,50 €", "1200.50", "EUR"),
        ("€ 1 200", "1200", "EUR"),
        ("USD 99.90", "99.90", "USD"),
        ("49 dollars", "49", "USD"),
        ("£1.5k", "1500", "GBP"),
        ("2 million euros", "2000000", "EUR"),
        ("forty-nine dollars", "49", "USD"),
        ("two hundred and fifty euros", "250", "EUR"),
        ("a hundred bucks", "100", "USD"),
        ("15 percent", "15", "%"),
        ("49 per user", "49", ""),
        ("CHF 3'400", "3400", "CHF"),
    ],
)
def test_an_amount_is_read(text: str, value: str, unit: str) -> None:
    (amount,) = find_amounts(f"It is {text}.")

    assert (amount.value, amount.unit) == (Decimal(value), unit)


@pytest.mark.parametrize("text", ["at 10:30", "on March 5", "25 vans", "version 3.10", "+1 415 555 0100", "room 49"])
def test_a_number_that_is_no_amount_is_passed_over(text: str) -> None:
    assert find_amounts(f"It is {text}.") == []


@pytest.mark.parametrize(
    ("draft", "inbound"),
    [
        pytest.param("It is $45.", "How much?", id="an amount"),
        pytest.param("It is €49.", "How much?", id="the currency"),
        pytest.param("You get 10% off.", "How much?", id="a share off"),
        pytest.param("We can offer you a discount.", "Any discount?", id="a discount that was asked for"),
        pytest.param("Setup is free of charge.", "How much?", id="a gift"),
        pytest.param("Two months are on us; the first month is free.", "How much?", id="a month"),
        pytest.param("Wir gewähren Ihnen 5 % Rabatt.", "Was kostet das?", id="in German"),
        pytest.param("Elle est de 45 euros.", "Quel est le prix ?", id="in French"),
    ],
)
def test_a_price_that_nobody_named_is_invented(draft: str, inbound: str) -> None:
    assert invented_prices(draft, inbound, PRICES) != []


@pytest.mark.parametrize(
    ("draft", "inbound"),
    [
        pytest.param("It is $49 per van.", "How much?", id="a known price"),
        pytest.param("It is 49 dollars.", "How much?", id="written otherwise"),
        pytest.param("You said $30, we are at $49.", "They ask $30.", id="the lead's amount"),
        pytest.param("No discount, I am afraid.", "Any discount?", id="a discount denied"),
        pytest.param("I will ask whether a discount is possible.", "Any discount?", id="a discount asked for"),
        pytest.param("Mornings take 15% less time.", "What does it do?", id="a share that is no price"),
        pytest.param("Feel free to call; I am free at ten.", "When?", id="other kinds of free"),
        pytest.param("> It is $45.\n\nIt is $49.", "How much?", id="a quoted line"),
    ],
)
def test_a_price_that_somebody_named_is_not_invented(draft: str, inbound: str) -> None:
    assert invented_prices(draft, inbound, PRICES) == []


def test_without_knowledge_of_prices_none_is_judged() -> None:
    assert names("It is $45.", replace(CONTEXT, known_prices=None)) == []


def test_objections_come_once_each_invariants_first() -> None:
    draft = "Hi [Name], it is $45. You are booked for Friday, March 13 at 6am. Use calendly.com/a."

    assert names(draft) == [
        "date_mismatch",
        "fabricated_link",
        "placeholder_left",
        "invented_price",
        "unoffered_commitment",
    ]


def test_an_empty_draft_is_objected_to_for_nothing_else() -> None:
    assert names(" ", replace(CONTEXT, channel=Channel.SMS)) == ["empty_draft"]


def test_no_name_means_two_things() -> None:
    assert set(REPLY_RULES) & set(CRITICAL_INVARIANTS) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STOP", Disposition.OPTS_OUT),
        ("Not interested, and never write to me again.", Disposition.OPTS_OUT),
        ("I'm away until Monday, can we talk then?", Disposition.OUT_OF_OFFICE),
        ("We'll pass.", Disposition.DECLINES),
        ("Not interested. Don't contact me after this.", Disposition.DECLINES),
        ("Check back with us next quarter.", Disposition.LATER),
        ("Could you check with Robin in case I forget? When can we meet?", Disposition.WANTS_MEETING),
        ("Send me your price list before we book.", Disposition.WANTS_INFORMATION),
        ("Let's talk on Tuesday.", Disposition.WANTS_MEETING),
        ("¿Podemos hablar el martes?", Disposition.WANTS_MEETING),
        ("Is it safe?", Disposition.QUESTION),
        ("That looks promising.", Disposition.INTERESTED),
        ("", Disposition.UNCLEAR),
        ("> Not interested.\n\nHe said so, I say yes please!", Disposition.INTERESTED),
    ],
)
def test_a_leads_answer_is_read(text: str, expected: Disposition) -> None:
    assert disposition(text) is expected


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(list(Channel)))
def test_any_text_is_judged_without_an_error(draft: str, inbound: str, channel: Channel) -> None:
    context = replace(CONTEXT, inbound_text=inbound, channel=channel)

    found = names(draft, context)

    assert len(set(found)) == len(found)
    assert disposition(inbound) in Disposition
