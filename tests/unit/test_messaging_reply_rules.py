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
        pytest.param("It is $49 per user.", "How much?", id="another unit"),
        pytest.param("It is $49 net, for each of your drivers.", "How much?", id="another unit, later"),
        pytest.param("It is $49 per van and year.", "How much?", id="another period"),
        pytest.param("It is $49 a van per depot.", "How much?", id="one more unit"),
        pytest.param("Per user, that is $49.", "How much?", id="another unit in front"),
        pytest.param("Our yearly fee is $49.", "How much?", id="another period in front"),
        pytest.param("Das sind 49 $ pro Nutzer.", "Was kostet das?", id="another unit in German"),
        pytest.param("C'est 49 $ par an.", "Quel est le prix ?", id="another period in French"),
        pytest.param("Yes, $30 per user.", "They ask $30 per van.", id="another unit than the lead's"),
        pytest.param("Yes, $30 per user.", "Is it $30?", id="a unit for the lead's bare amount"),
        pytest.param("You get it at half price.", "Could you do half price?", id="half price that was asked for"),
        pytest.param("As you asked for it, half price is fine.", "Half price?", id="half price granted as asked"),
        pytest.param("It is half price if you sign.", "How much?", id="half price for signing"),
        pytest.param("We offer you a discount if you sign.", "How much?", id="a discount for signing"),
        pytest.param("We can do half the usual rate.", "How much?", id="half the rate"),
        pytest.param("That is half off.", "How much?", id="half off"),
        pytest.param("Sie bekommen es zum halben Preis.", "Was kostet das?", id="half price in German"),
        pytest.param("C'est à moitié prix.", "Quel est le prix ?", id="half price in French"),
        pytest.param("Es la mitad del precio.", "¿Cuánto cuesta?", id="half price in Spanish"),
        pytest.param("You save 20 % with a two-year contract.", "How much?", id="a saving with a contract"),
        pytest.param("Commit to 24 months - that saves you 20%.", "How much?", id="a saving with a term"),
        pytest.param("Pay upfront for a 20 percent saving.", "How much?", id="a saving for paying early"),
        pytest.param("Mit Jahresvertrag sparen Sie 20 %.", "Was kostet das?", id="a saving in German"),
        pytest.param("Save 20% when you work with us for two years.", "How much?", id="a saving for staying"),
        pytest.param("It is 20% less if you sign for two years.", "How much?", id="less for signing"),
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
        pytest.param("It is $49/van/month.", "How much?", id="the units by strokes"),
        pytest.param("It is $49 USD monthly, for each of your vans.", "How much?", id="the units in other words"),
        pytest.param("Das sind 49 $ pro Monat und Fahrzeug.", "Was kostet das?", id="the units in German"),
        pytest.param("C'est 49 $ par véhicule et par mois.", "Quel est le prix ?", id="the units in French"),
        pytest.param("The monthly price per truck is $49.", "How much?", id="the units in front"),
        pytest.param("It is $49 a month, and every driver has the app.", "How much?", id="a unit of something else"),
        pytest.param("It is $49 per van, billed per year.", "How much?", id="how often somebody pays"),
        pytest.param("So $30 per van today.", "Today we pay $30 for each van.", id="the lead's unit"),
        pytest.param("So $90 a year.", "Our budget for the year is $90.", id="a unit beside the lead's amount"),
        pytest.param("We cannot do half price.", "Could you do half price?", id="half price denied"),
        pytest.param("You asked for half price. Shall we talk?", "Half price?", id="half price repeated"),
        pytest.param("Let me find out if we have a discount.", "Any discount?", id="a discount looked into"),
        pytest.param("It takes half an hour, half the usual time.", "How long?", id="half of something else"),
        pytest.param(
            "They save 20% since they plan each route, in terms of time.", "What for?", id="saved by planning"
        ),
        pytest.param("They save 20 % of their time.", "What does it do?", id="time saved"),
        pytest.param("They save 20% on fuel in a contract's first year.", "Does it help?", id="fuel saved"),
    ],
)
def test_a_price_that_somebody_named_is_not_invented(draft: str, inbound: str) -> None:
    assert invented_prices(draft, inbound, PRICES) == []


@pytest.mark.parametrize(
    ("known", "draft", "passes"),
    [
        ("$49 per depot", "It is $49 per depot.", True),
        ("$49 per depot", "It is $49 per user.", False),
        ("Price per van and month: $49", "It is $49 a month per van.", True),
        ("Van $49", "It is $49 per van.", True),
        ("$990 setup, once", "It is $990 a month.", False),
        ("Per van: $49, per user: $9", "It is $49 per van and $9 per user.", True),
        ("Per van: $49, per user: $9", "It is $49 per user.", False),
        ("Two-year contract: 20 % off", "You save 20 % with a two-year contract.", True),
        ("Schools pay half price", "Schools get it at half price.", True),
        ("50 % off for schools", "Schools get it at half price.", True),
        ("10 % off for schools", "Schools get it at half price.", False),
        ("List price $49", "We offer you a discount.", False),
    ],
)
def test_a_price_is_held_against_the_client_s_own_words(known: str, draft: str, passes: bool) -> None:
    assert (invented_prices(draft, "How much?", [known, "$1 a call"]) == []) is passes


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
