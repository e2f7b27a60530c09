"""What the channels carry: drafts in their form, and the reason why one does not fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.formats import LINKEDIN_CHARS, Channel, parts_of, shaped, unfit
from messaging.sms_text import septets

PLAIN = [Channel.SMS, Channel.LINKEDIN]


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("**Hello** Ada", "Hello Ada"),
        ("this is *it*, and `that`.", "this is it, and that."),
        ("# Offer\n\nText", "Offer\n\nText"),
        ("* one\n* two", "- one\n- two"),
        ("[book here](https://x.example/a_b)", "book here: https://x.example/a_b"),
        ("```\ntext\n```\n", "text"),
        ("Hello<br>Ada, <b>yes</b> &amp; no", "Hello\nAda, yes & no"),
        ("&lt;b&gt;yes&lt;/b&gt;", "yes"),
        ("a\r\nb\r\n\r\n\r\n\r\nc", "a\nb\n\nc"),
    ],
)
@pytest.mark.parametrize("channel", PLAIN)
def test_marks_are_taken_off_where_only_plain_text_is_read(channel: Channel, marked: str, plain: str) -> None:
    assert unfit(channel, marked) in ("markup_in_plain_text", None)
    assert shaped(channel, marked) == plain
    assert unfit(channel, plain) is None


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4 is 24",
        "See https://x.example/__a__/b?x=1&copy=2",
        "write to <ada@example.org>",
        "I <3 it, and a < b > c",
        "snake_case_name and C# or #1",
        "- one\n- two",
    ],
)
@pytest.mark.parametrize("channel", PLAIN)
def test_what_only_looks_like_markup_stays(channel: Channel, text: str) -> None:
    assert shaped(channel, text) == text
    assert unfit(channel, text) is None


def test_mail_is_not_touched() -> None:
    text = "**Hello**\r\n<b>Ada</b>\x00"

    assert shaped(Channel.EMAIL, text) == text
    assert unfit(Channel.EMAIL, text) is None
    assert parts_of(Channel.EMAIL, text) == (text,)


def test_typography_does_not_cost_an_sms_half_its_length() -> None:
    text = shaped(Channel.SMS, "Let\u2019s talk \u2013 \u201csoon\u201d\u2026\u00a0e\u0301")

    assert text == 'Let\'s talk - "soon"... \u00e9'
    assert septets(text) is not None


def test_linkedin_keeps_its_typography() -> None:
    assert shaped(Channel.LINKEDIN, "Let\u2019s talk\u2026") == "Let\u2019s talk\u2026"


@pytest.mark.parametrize(
    ("channel", "text", "reason"),
    [
        (Channel.SMS, "word " * 100, "sms_too_long"),
        (Channel.SMS, "https://x.example/" + "a" * 200, "sms_too_long"),
        (Channel.SMS, "**Hello**", "markup_in_plain_text"),
        (Channel.LINKEDIN, "a" * (LINKEDIN_CHARS + 1), "linkedin_too_long"),
        (Channel.LINKEDIN, "<p>Hello</p>", "markup_in_plain_text"),
        (Channel.LINKEDIN, "bell\x07", "markup_in_plain_text"),
    ],
)
def test_what_does_not_fit_has_a_reason(channel: Channel, text: str, reason: str) -> None:
    assert unfit(channel, text) == reason


def test_a_long_sms_goes_in_parts_and_a_linkedin_message_whole() -> None:
    text = "word " * 60

    assert len(parts_of(Channel.SMS, text)) == 2
    assert parts_of(Channel.LINKEDIN, text) == (text,)


def test_a_text_that_does_not_fit_is_one_part() -> None:
    text = "word " * 200

    assert parts_of(Channel.SMS, text) == (text,)


@pytest.mark.parametrize("channel", PLAIN)
@given(text=st.text(alphabet="ab *_`#<>&;/lt\n\r\u2019", max_size=60))
def test_shaping_settles(channel: Channel, text: str) -> None:
    once = shaped(channel, text)

    assert shaped(channel, once) == once
