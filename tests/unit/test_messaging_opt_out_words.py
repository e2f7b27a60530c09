"""Which words of a lead ask never to be written to again, and which only sound so."""

from __future__ import annotations

import pytest

from messaging.opt_out_words import asks_to_opt_out

ASKS = [
    "STOP",
    "stop.",
    "Stop all",
    "Unsubscribe",
    "please unsubscribe me",
    "Hi,\n\nplease unsubscribe.\n\nGary",
    "I would like to unsubscribe from this.",
    "We'd like to be removed, thanks.",
    "Please remove me from your list.",
    "Take me off your mailing list now.",
    "Kindly delete my email address from your database",
    "Please remove me.\nThanks",
    "please opt me out",
    "I am opting out.",
    "Stop emailing me!",
    "Will you stop sending me these emails?",
    "Stop contacting us or I call a lawyer",
    "Do not contact me again.",
    "Please don\u2019t email me anymore",
    "Never write to me again",
    "Don't contact me.",
    "Do not contact us\n\nGary",
    "Please remove me\n\n-- \nGary",
    "Don't send me any more messages.",
    "No more emails please.",
    "Leave me alone.",
    "I withdraw my consent to be contacted.",
    "Bitte keine weiteren E-Mails.",
    "Bitte nehmen Sie mich aus Ihrem Verteiler.",
    "Schreiben Sie mir nicht mehr.",
    "D\u00e9sabonnez-moi, merci",
    "Ne me contactez plus.",
    "Quiero darme de baja",
    "No me escriban m\u00e1s",
]

DOES_NOT = [
    "",
    "Not interested, thanks.",
    "No thank you, not right now.",
    "We'll pass this time.",
    "Can we stop by your office on Tuesday?",
    "Please don't unsubscribe me, I like it.",
    "I do not want you to remove me from the list.",
    "Please never remove me from your list.",
    "Don't call me before nine, please.",
    "Please don't call me on Friday; write instead.",
    "Do not email me the contract, send it by post.",
    "To stop receiving these emails, click here to unsubscribe.",
    "If you no longer wish to receive our news, please unsubscribe here.",
    "If you want to unsubscribe, use the link below.",
    "Is there an opt-out clause in the contract?",
    "How many customers opt out after a year?",
    "Please remove me from the Tuesday call, I am away.",
    "Delete my last comment from the draft.",
    "The machines stop sending data at night.",
    "Could you stop sending invoices to the old address?",
    "Cancel Tuesday, let us take Wednesday.",
    "Does your product let people unsubscribe?",
    "> Please remove me from your list.\n\nHe wrote this, not me. When can we talk?",
    "Let us not leave the team alone on this.",
]


@pytest.mark.parametrize("text", ASKS)
def test_words_that_ask_for_it_are_recognised(text: str) -> None:
    assert asks_to_opt_out(text)


@pytest.mark.parametrize("text", DOES_NOT)
def test_words_that_only_sound_so_are_not(text: str) -> None:
    assert not asks_to_opt_out(text)


@pytest.mark.parametrize(
    ("subject", "asks"), [("unsubscribe", True), ("STOP", True), ("Re: how to unsubscribe users", False)]
)
def test_a_subject_that_is_nothing_but_the_word_asks_for_it(subject: str, asks: bool) -> None:
    assert asks_to_opt_out("", subject) is asks
