"""Reading one mail: the project's sample, and each way in which a mail can be odd."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.inbox import InboundMail, parse_mail
from messaging.mailboxes import MAIL_BYTES
from policy.errors import MailUnreadable

SAMPLE = Path(__file__).parent.parent / "data" / "mailbox"
NOW = datetime(2026, 3, 5, tzinfo=timezone.utc)

NEW_TEXT = {
    "01": "Hi there,\n\nthis could be useful for our stage crew. What times do you have this week?\n\nNadia",
    "02": "Guten Tag,\n\ngerne. Passt Ihnen Donnerstag um 15:30 Uhr? Unsere Bühne: hier"
    " <https://lichtspiel.example.net/buehne>.\n\nViele Grüße\nJürgen Brandt",
    "03": "Bonjour,\n\ntrès intéressant, merci. Jeudi à 15h30, est-ce possible ?\n\nRenée",
    "04": "Tuesday at 2pm works for me.\n\nSent from my iPhone",
    "05": "Sounds good. Please call me any afternoon this week.",
    "06": "Dzień dobry,\n\nczy możemy porozmawiać w czwartek?",
    "08": "One more thing: does it run without the internet?",
    "09": "Never mind, I found the answer. Let's set up a call, Thursday between 2 and 5pm is good.",
    "13": "Please remove me from your list.",
    "14": "שלום 👋🏽\n\nאפשר לדבר ביום חמישי? / Could we talk on Thursday? 🎭",
    "16": "Yes, it would. When are you free next week?\n\n\nThat is fine.",
    "17": "Fällt Freitag für Sie günstig? Grüße, Zoë",
    "18": "Perché no? Ne parliamo giovedì.",
    "19": "Happy to talk. Grab whatever suits you from my calendar.\n\n--\nMara Quill\n"
    "https://calendar.example.net/book/mara",
}


def sample(number: str) -> bytes:
    return next(SAMPLE.glob(f"{number}-*.eml")).read_bytes()


def mail(headers: str, body: str = "Hello") -> InboundMail:
    raw = f"From: Ann <ann@example.org>\r\n{headers}\r\n\r\n{body}"
    return parse_mail(raw.encode("utf-8"), now=NOW)


@pytest.mark.parametrize("number", NEW_TEXT)
def test_sample_mail_yields_its_new_text_alone(number: str) -> None:
    assert parse_mail(sample(number)).body == NEW_TEXT[number]


def test_sender_is_known_by_address_in_lower_case() -> None:
    first, second = parse_mail(sample("07")), parse_mail(sample("08"))

    assert first.sender == second.sender == "wren@greenroom.example.com"
    assert second.sender_name == "Wren Castillo"


@pytest.mark.parametrize(
    ("number", "name"), [("02", "Brandt, Jürgen"), ("03", "Renée Dubois"), ("14", "נועה לוי"), ("17", "Zoë Lund")]
)
def test_senders_name_is_decoded(number: str, name: str) -> None:
    assert parse_mail(sample(number)).sender_name == name


def test_unquoted_comma_in_the_senders_name_does_not_hide_the_address() -> None:
    read = parse_mail(b"From: <x> Doe, John A. <John@Example.com>\r\n\r\nHello")

    assert read.sender == "john@example.com"


def test_recipients_are_those_of_to_and_cc_each_once() -> None:
    read = mail("To: a@example.com, B <B@example.com>\r\nCc: a@example.com, c@example.com")

    assert read.recipients == ("a@example.com", "b@example.com", "c@example.com")


def test_identity_is_the_message_id() -> None:
    read = mail("Message-ID:\r\n <one@example.org>")

    assert read.identity == read.internet_message_id == "<one@example.org>"


@pytest.mark.parametrize("value", ["", "<>", "two words", "<" + "x" * 1000 + "@example.org>"])
def test_without_a_usable_message_id_identity_is_the_hash_of_the_bytes(value: str) -> None:
    raw = f"From: ann@example.org\r\nMessage-ID: {value}\r\n\r\nHello".encode()

    read = parse_mail(raw)

    assert read.identity == "sha256:" + hashlib.sha256(raw).hexdigest()
    assert read.internet_message_id is None


def test_message_id_without_brackets_is_given_them() -> None:
    assert mail("Message-ID: one@example.org").internet_message_id == "<one@example.org>"


def test_thread_is_read_from_in_reply_to_and_references() -> None:
    read = mail("In-Reply-To: <b@example.org> (Bob)\r\nReferences: <a@example.org>\r\n <b@example.org>")

    assert read.in_reply_to == "<b@example.org>"
    assert read.references == ("<a@example.org>", "<b@example.org>")


def test_long_threads_keep_the_first_and_the_newest_references() -> None:
    ids = " ".join(f"<{number}@example.org>" for number in range(500))

    references = mail(f"References: {ids}").references

    assert references[0] == "<0@example.org>"
    assert references[-1] == "<499@example.org>"
    assert len(references) == 20


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        pytest.param("Mon, 2 Mar 2026 10:00:00 -0500", datetime(2026, 3, 2, 15, tzinfo=timezone.utc), id="zone"),
        pytest.param("Mon, 2 Mar 2026 10:00:00", datetime(2026, 3, 2, 10, tzinfo=timezone.utc), id="no zone"),
        pytest.param("Mon, 2 Mar 2026 10:00:00 -0000", datetime(2026, 3, 2, 10, tzinfo=timezone.utc), id="-0000"),
        pytest.param(
            "Mon, 2 Mar 2026 10:00:00 +0100 (CET)", datetime(2026, 3, 2, 9, tzinfo=timezone.utc), id="comment"
        ),
        pytest.param("Thu, 1 Jan 1970 00:00:00 +0000", None, id="clock never set"),
        pytest.param("Mon, 2 Mar 2099 10:00:00 +0000", None, id="far future"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2300", None, id="beyond the calendar"),
        pytest.param("Mon, 2 Mar 2026 25:61:00 +9999", None, id="no such time"),
        pytest.param("yesterday", None, id="a word"),
        pytest.param("", None, id="empty"),
    ],
)
def test_date_is_utc_or_nothing(date: str, expected: datetime | None) -> None:
    assert mail(f"Date: {date}").sent_at == expected


def test_mail_from_a_clock_that_is_hours_ahead_keeps_its_date() -> None:
    read = mail("Date: Thu, 05 Mar 2026 12:00:00 +0000")

    assert read.sent_at == NOW + timedelta(hours=12)


@pytest.mark.parametrize("number", ["06", "20"])
def test_sample_mail_without_a_believable_date_has_none(number: str) -> None:
    assert parse_mail(sample(number)).sent_at is None


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        pytest.param("utf-8", "Grüße".encode(), "Grüße", id="honest"),
        pytest.param("utf-8", "Grüße".encode("latin-1"), "Grüße", id="says UTF-8, is Latin-1"),
        pytest.param("iso-8859-1", "Grüße".encode(), "Grüße", id="says Latin-1, is UTF-8"),
        pytest.param("iso-8859-1", b"\x93Hi\x94", "\u201cHi\u201d", id="says Latin-1, is windows-1252"),
        pytest.param("us-ascii", "Grüße".encode(), "Grüße", id="says ASCII, is UTF-8"),
        pytest.param("iso-8859-2", "Łódź".encode("iso-8859-2"), "Łódź", id="Latin-2"),
        pytest.param("koi8-r", "Привет".encode("koi8-r"), "Привет", id="Cyrillic"),
        pytest.param("gb2312", "你好".encode("gb2312"), "你好", id="Chinese"),
        pytest.param("no-such-charset", "Grüße".encode(), "Grüße", id="unknown"),
        pytest.param("base64", b"Hello", "Hello", id="a codec that is no charset"),
        pytest.param('"', b"Hello", "Hello", id="a stray quote"),
    ],
)
def test_body_is_read_in_the_charset_that_it_really_is_in(charset: str, raw: bytes, text: str) -> None:
    head = f"From: ann@example.org\r\nContent-Type: text/plain; charset={charset}\r\n\r\n"

    assert parse_mail(head.encode() + raw).body == text


def test_control_characters_and_lone_surrogates_are_taken_out() -> None:
    read = parse_mail(b"From: ann@example.org\r\nSubject: a\x00b\r\n\r\nHe\x00l\x07lo")

    assert (read.subject, read.body) == ("ab", "Hello")


def test_attached_mail_is_not_read_as_the_reply() -> None:
    raw = (
        b"From: ann@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee attached.\r\n--b\r\n"
        b"Content-Type: message/rfc822\r\n\r\nFrom: x@example.org\r\n\r\nNot mine.\r\n--b--"
    )

    assert parse_mail(raw).body == "See attached."


def test_blank_plain_part_gives_way_to_html() -> None:
    raw = (
        b"From: ann@example.org\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain\r\n\r\n  \r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Yes &amp; no</p>\r\n--b--"
    )

    assert parse_mail(raw).body == "Yes & no"


def test_mail_without_a_body_has_an_empty_one() -> None:
    assert parse_mail(b"From: ann@example.org\r\n\r\n").body == ""


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"", "empty file", id="empty"),
        pytest.param(b" \r\n\r\n ", "empty file", id="blank"),
        pytest.param(sample("15"), "no headers", id="no mail"),
        pytest.param(bytes(range(256)) * 4, "not a mail|no From", id="binary"),
        pytest.param(b"Subject: Hello\r\n\r\nHello", "no From header", id="no sender"),
        pytest.param(b"From: nobody\r\n\r\nHello", "no address", id="sender without address"),
        pytest.param(b"From: undisclosed-recipients:;\r\n\r\nHello", "no address", id="empty group"),
        pytest.param(b"From: a@example.org\r\n\r\n" + b"x" * MAIL_BYTES, "larger than", id="too large"),
    ],
)
def test_what_is_no_mail_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(MailUnreadable, match=reason):
        parse_mail(raw)


def test_mail_nested_without_end_is_refused() -> None:
    raw = b"x"
    for depth in range(1500):
        raw = b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n%b\r\n--%d--' % (depth, depth, raw, depth)

    with pytest.raises(MailUnreadable, match="nested"):
        parse_mail(b"From: ann@example.org\r\n" + raw)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(
        ["From: a@example.org", "Content-Type: multipart/mixed; boundary=b", "Content-Transfer-Encoding: base64"]
    ),
)
def test_any_bytes_are_read_or_refused(noise: bytes, header: str) -> None:
    raw = b"From: a@example.org\r\n" + header.encode() + b"\r\nSubject: " + noise + b"\r\n\r\n--b\r\n\r\n" + noise

    try:
        read = parse_mail(raw)
    except MailUnreadable:
        return

    texts = [read.subject, read.body, read.sender_name, read.identity]
    assert not any("\x00" in text for text in texts)
    assert all(text.encode("utf-8") is not None for text in texts)
