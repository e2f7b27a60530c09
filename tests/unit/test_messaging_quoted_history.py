"""Quoted history comes off in every client's style, and nothing else does."""

from __future__ import annotations

import time

import pytest

from messaging.html_text import html_to_text
from messaging.quoted_history import new_text

QUOTED = "\n\n> Hello,\n> shall we talk?\n"
HEADERS = "From: Bob <bob@example.com>\nSent: Monday, March 2, 2026 10:00 AM\nTo: Ann\nSubject: Hello\n\nHello"


@pytest.mark.parametrize(
    "history",
    [
        pytest.param("On Mon, Mar 2, 2026 at 10:00 AM Bob <bob@example.com> wrote:" + QUOTED, id="Gmail"),
        pytest.param(
            "On Mon, Mar 2, 2026 at 10:00 AM Bob With A Long Name <bob@example.com>\nwrote:" + QUOTED, id="wrapped"
        ),
        pytest.param("On Monday, March 2, 2026 10:00, Bob wrote:\nHello,\nshall we talk?", id="unmarked"),
        pytest.param("-----Original Message-----\n" + HEADERS, id="Outlook divider"),
        pytest.param(HEADERS, id="Outlook headers"),
        pytest.param("________________________________\n" + HEADERS, id="Outlook line"),
        pytest.param(HEADERS.replace("From:", "*From:*").replace("Sent:", "*Sent:*"), id="bold headers"),
        pytest.param("Von: Bob\nGesendet: Montag, 2. März 2026\nAn: Ann\nBetreff: Hallo\n\nHallo", id="German Outlook"),
        pytest.param("Am Mo., 2. März 2026 um 10:00 Uhr schrieb Bob <bob@example.com>:" + QUOTED, id="German"),
        pytest.param("Le lun. 2 mars 2026 à 10:00, Bob <bob@example.com> a écrit :" + QUOTED, id="French"),
        pytest.param("-----Message d'origine-----\nDe : Bob\n\nBonjour", id="French divider"),
        pytest.param("El lun, 2 mar 2026 a las 10:00, Bob (<bob@example.com>) escribió:" + QUOTED, id="Spanish"),
        pytest.param(
            "Il giorno lun 2 mar 2026 alle ore 10:00 Bob <bob@example.com> ha scritto:" + QUOTED, id="Italian"
        ),
        pytest.param("pon., 2 mar 2026 o 10:00 Bob <bob@example.com> napisał(a):" + QUOTED, id="Polish"),
        pytest.param("02.03.2026 10:00 пользователь Bob <\nbob@example.com> написал:" + QUOTED, id="Russian"),
        pytest.param("2026年3月2日(月) 10:00 Bob <bob@example.com>:" + QUOTED, id="Japanese"),
        pytest.param("> On 2 Mar 2026, at 10:00, Bob <bob@example.com> wrote:\n>\n> Hello", id="attribution marked"),
    ],
)
def test_history_below_a_reply_is_taken_off(history: str) -> None:
    assert new_text("Yes, gladly.\n\n" + history) == "Yes, gladly."


def test_answers_between_and_below_quoted_lines_are_kept() -> None:
    body = "On Mon, 2 Mar 2026 10:00, Bob wrote:\n> Tuesday?\nYes.\n> At 3pm?\nNo, at 4pm."

    assert new_text(body) == "Yes.\nNo, at 4pm."


@pytest.mark.parametrize(
    "body",
    [
        "On Monday I can do 3pm.\n\nBob wrote: hi, by the way.",
        "Here are the details:\nDate: 5 March\nTo: Anna",
        "My questions:\n1. Who?\n2. When?",
        "a\n----\nb",
        "--\nBob\nSent from my phone",
    ],
)
def test_words_that_resemble_history_are_kept(body: str) -> None:
    assert new_text(body) == body


def test_colon_above_a_quotation_that_names_no_one_is_the_writers_own() -> None:
    assert new_text("You asked:\n> When?\nToday.") == "You asked:\nToday."


def test_reply_that_is_all_history_is_empty() -> None:
    assert new_text("On Mon, Mar 2, 2026 at 10:00 AM Bob <bob@example.com> wrote:\n> Hello") == ""


@pytest.mark.parametrize("line", ["On Mon ", "From: a\n", "> x\n", "Le lundi \n", "-" * 40 + "\n", "On Monday the\n"])
def test_hostile_text_is_read_in_bounded_time(line: str) -> None:
    begun = time.monotonic()

    new_text(line * 20_000)

    assert time.monotonic() - begun < 5


def test_html_becomes_lines_with_links_and_quotation_marks() -> None:
    html = (
        "<html><head><title>No</title><style>p {}</style></head><body><p>Hi&nbsp;Bob,</p><p>see <a href='https://"
        "example.org/x'>this</a><br>soon</p><ul><li>one<li>two</ul><blockquote>old<blockquote>older</blockquote>"
        "</blockquote><script>no()</script>"
    )

    text = html_to_text(html).replace("\xa0", " ")

    assert text == "Hi Bob,\n\nsee this <https://example.org/x>\nsoon\n\n- one\n- two\n> old\n> > older"


def test_link_whose_text_is_its_address_is_shown_once() -> None:
    assert html_to_text('<a href="https://example.org/x/">example.org/x</a>') == "example.org/x"


@pytest.mark.parametrize(
    "html", ["<p", "</div></p>", "<a href>x", "<style>never closed", "<blockquote>" * 500, "&#xD800;&#0;"]
)
def test_broken_markup_is_read_somehow(html: str) -> None:
    assert isinstance(html_to_text(html), str)
