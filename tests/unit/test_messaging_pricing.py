"""What a price is per, and which shares and favours are prices: forms in which replies go wrong, and good replies."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from messaging.guardrails.amounts import find_amounts
from messaging.guardrails.pricing import invented_prices

PRICES = ("$49 per van and month", "$990 setup, once")
LONG = 50_000


@pytest.mark.parametrize(
    "draft",
    [
        pytest.param("We do not charge per driver: it is $49 per van and month.", id="a unit denied"),
        pytest.param("Rather than per user, we charge $49 per van and month.", id="a unit rather not"),
        pytest.param("We price per van, not per user: $49 a month.", id="a unit denied, then a colon"),
        pytest.param("There is no fee per user, only $49 per van and month.", id="no fee for a unit"),
        pytest.param("You asked about the cost per driver: it is $49 per van and month.", id="the lead's unit"),
        pytest.param("The monthly fee is per van, and the one-time setup is $990.", id="another fee's period"),
        pytest.param("We bill per month, and the setup is $990.", id="how often somebody pays"),
        pytest.param("With up to 20 stops per day, it is still $49 per van and month.", id="a unit of something else"),
        pytest.param("Setup: $990\nMonthly fee: $49 per van", id="the next line's fee"),
        pytest.param("Setup fee $990\nPer van and month $49", id="the next line's unit"),
        pytest.param("Einrichtung: 990 $\nMonatliche Gebühr: 49 $ je Fahrzeug", id="the next line in German"),
        pytest.param("Setup is $990\n\nEach month you get a report.", id="the next paragraph"),
        pytest.param("Setup is $990, per van it is $49 a month.", id="the next price's unit"),
        pytest.param("It is $49 per van per calendar month.", id="a calendar month"),
        pytest.param("It is $49 per active van per month.", id="an active van"),
        pytest.param("It is $49 per connected vehicle and month.", id="a connected vehicle"),
        pytest.param("You pay the $990 per invoice.", id="by invoice"),
        pytest.param("You pay $990 per bank transfer.", id="by bank transfer"),
        pytest.param("Setup is $990 per price list.", id="by the list"),
        pytest.param("The setup is a one-off $990 per customer.", id="per customer"),
        pytest.param("The setup is a one-off $990 per account.", id="per account"),
        pytest.param("The setup is a one-off $990 per company.", id="per company"),
        pytest.param("We charge $990 for a day of setup.", id="a day of something"),
        pytest.param("The setup is $990 a day after signing.", id="a day later"),
    ],
)
def test_a_known_price_passes_beside_units_of_something_else(draft: str) -> None:
    assert invented_prices(draft, "How much?", PRICES) == []


@pytest.mark.parametrize(
    ("known", "draft"),
    [
        ("$49 p.m.", "It is $49 per month."),
        ("$49 pcm per van", "It is $49 per van and month."),
        ("$490 p.a.", "It is $490 per year."),
        ("$490 pa", "It is $490 a year."),
        ("$12/stop", "It is $12 per stop."),
        ("$12 a stop", "It is $12 per stop."),
        ("$12 for each stop", "It is $12 per stop."),
        ("Stops cost $12", "It is $12 per stop."),
        ("$12 for every delivery", "It is $12 per delivery."),
        ("49 € je LKW und Monat", "It is 49 € per van per month."),
        ("49 € je Transporter im Monat", "It is 49 € per van per month."),
        ("49 € mtl. pro Fahrzeug", "It is 49 € per van per month."),
        ("49 € / Fzg. / Monat", "It is 49 € per van per month."),
        ("49 € par voiture et par mois", "It is 49 € per car per month."),
        ("49 € por coche y mes", "It is 49 € per vehicle per month."),
    ],
)
def test_a_list_s_own_words_for_a_unit_are_understood(known: str, draft: str) -> None:
    assert invented_prices(draft, "How much?", [known]) == []


@pytest.mark.parametrize(
    ("inbound", "draft"),
    [
        ("We pay $30/mth.", "So it is $30 per month today."),
        ("We pay 30 bucks p.m.", "So it is $30 per month today."),
        ("Wir zahlen 30 EUR im Monat.", "So it is 30 EUR per month today."),
        ("We have $5,000 a project.", "You have $5,000 per project, then."),
    ],
)
def test_a_lead_s_own_words_for_a_unit_are_understood(inbound: str, draft: str) -> None:
    assert invented_prices(draft, inbound, PRICES) == []


@pytest.mark.parametrize(
    "draft",
    [
        pytest.param("It is $49 per driver and month.", id="after the amount"),
        pytest.param("It is **$49** per user.", id="behind marks of emphasis"),
        pytest.param("It is $49 - per user and month.", id="behind a dash"),
        pytest.param("It is $49 (per user).", id="in brackets"),
        pytest.param("It is $49 per named user.", id="a named user"),
        pytest.param("It is $49 per depot.", id="a unit that nobody spoke of"),
        pytest.param("It is $49 for a user.", id="for a user"),
        pytest.param("It is 49 $ im Jahr.", id="a year in German"),
        pytest.param("It is $49 p.a.", id="a year in short"),
        pytest.param("Each user costs $49.", id="each user costs"),
        pytest.param("Per user, that is $49 a month.", id="a thing in front, a time behind"),
        pytest.param("The yearly fee is $49 per van.", id="a time in front, a thing behind"),
        pytest.param("The fee for each user is $49 a month.", id="the fee for each user"),
        pytest.param("It is $49 per user, that is all.", id="more words behind the unit"),
        pytest.param("It is EUR45 per van.", id="no space behind the currency"),
    ],
)
def test_the_right_number_for_another_unit_is_invented(draft: str) -> None:
    assert invented_prices(draft, "How much?", PRICES) != []


@pytest.mark.parametrize(
    "draft",
    [
        "You asked for a discount: we offer you a discount.",
        "You asked for half price and you get half price.",
        "You asked about a discount and yes, we can offer you a special price.",
        "Since you asked for a discount, we give you a discount.",
        "No problem, we will do half price.",
        "We'll give you half price, no strings attached.",
        "You get half price if we sign this week.",
        "Don't worry, we offer you a discount.",
    ],
)
def test_a_favour_granted_beside_the_lead_s_wish_is_invented(draft: str) -> None:
    assert invented_prices(draft, "A discount? Half price?", PRICES) != []


@pytest.mark.parametrize(
    "draft",
    [
        "You asked for half price. Shall we talk?",
        "You asked for half price, and I will pass that on.",
        "You asked if we could offer a discount: I will find out.",
        "If we can offer a discount, I will tell you.",
        "No problem, but we cannot do half price.",
        "Half of the fee is due on signing.",
        "Take the first quarter off.",
        "There is no question of half price.",
    ],
)
def test_a_favour_that_is_not_granted_passes(draft: str) -> None:
    assert invented_prices(draft, "A discount? Half price?", PRICES) == []


@pytest.mark.parametrize(
    ("known", "passes"),
    [
        ("$990 setup, 50 % due on signing", False),
        ("Half of the fee is due on signing", False),
        ("50 % off for schools", True),
        ("Discount of 50% for schools", True),
        ("Half price for schools", True),
    ],
)
def test_half_price_is_known_only_where_the_list_grants_it(known: str, passes: bool) -> None:
    assert (invented_prices("You get it at half price.", "How much?", ["$49 per van", known]) == []) is passes


@pytest.mark.parametrize(
    "draft",
    [
        "Fleets see 12% lower maintenance costs within one year.",
        "Our customers save 20% on average in their first two years.",
        "It took 12 months to roll out, and they saved 25% on insurance.",
        "95% of our customers renew, and they save hours each week.",
        "You can sign up in less than 5 minutes and 100% online.",
        "A 20% deposit is due on signing, less than a week before we start.",
        "You save 15% of admin, without a contract.",
        "Sie sparen etwa 20 % der Fahrzeit, ganz ohne Vertrag.",
        "They save 20%, and there is no contract.",
    ],
)
def test_a_share_that_is_saved_without_being_bound_is_no_price(draft: str) -> None:
    assert invented_prices(draft, "What does it do?", PRICES) == []


@pytest.mark.parametrize(
    "draft",
    [
        "You save 20% with a contract for 12 months.",
        "You save 20% if you commit to two years.",
        "You save 20% when you stay for at least two years.",
        "It is 20% less in a yearly plan.",
        "You save 20% of the subscription with a contract.",
        "You save 20% of your monthly bill with a contract.",
        "There is no catch: sign for a year and save 20%.",
    ],
)
def test_a_share_that_is_saved_by_being_bound_is_a_price(draft: str) -> None:
    assert invented_prices(draft, "How much?", PRICES) != []


def test_a_currency_s_code_needs_no_space_behind_it() -> None:
    (amount,) = find_amounts("It is EUR45 per van.")

    assert (amount.value, amount.unit, amount.per) == (Decimal(45), "EUR", frozenset({"vehicle"}))


@pytest.mark.parametrize(
    "part",
    [
        "Item 17 costs $1,234.50 net\n", "one ", "one-", "111 ", "1 ", "$1 ", "$1 per blub ", "5% off. ",
        "save 20% x. ", "you asked for ", "no ", "fee per user ", "per van and month ", "(", "\n", "a ",
    ],
)  # fmt: skip
def test_a_long_text_is_read_in_a_time_that_grows_with_it_only(part: str) -> None:
    text = part * (LONG // len(part))

    began_s = time.process_time()
    invented_prices("It is $49 per van and month.", text, PRICES)
    invented_prices(text, "How much?", PRICES)

    # A second or two on a busy machine; what is quadratic takes a minute.
    assert time.process_time() - began_s < 10
