"""What is masked in a line's values: secrets by their form, addresses and numbers by default, nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.masking import is_secret, masked_text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://ada:hunter2@db:5432/x", "postgresql://ada:***@db:5432/x"),
        ("redis://:hunter2@cache/0 away", "redis://:***@cache/0 away"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("password=hunter2 host=db", "password=*** host=db"),
        ('{"api_key": "sk-12345", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("token: abc, next", "token: ***, next"),
        ("550 no such user <ada.lovelace@example.org>", "550 no such user <a***@example.org>"),
        ("ada+tag@mail.example.co.uk wrote", "a***@mail.example.co.uk wrote"),
        ("ünï@bücher.example", "ü***@bücher.example"),
    ],
)
def test_secrets_and_addresses_are_masked(text: str, masked: str) -> None:
    assert masked_text(text, addresses=True) == masked


@pytest.mark.parametrize(
    "text", ["succeeded", "12 of 13", "a @ b", "user@host", "@decorator", "http://host/path", "the token has expired"]
)
def test_plain_values_stay_as_they_are(text: str) -> None:
    assert masked_text(text, addresses=True) == text


def test_addresses_stay_where_they_are_asked_for_and_secrets_do_not() -> None:
    text = "ada@example.org password=x"

    assert masked_text(text, addresses=False) == "ada@example.org password=***"


@pytest.mark.parametrize(
    "name", ["password", "smtp_passwd", "API_KEY", "apikey", "cron_secret", "authorization", "token"]
)
def test_fields_named_like_a_secret_are_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["outcome", "dispatch_key", "duration_ms", "passed", "effect_key"])
def test_other_fields_are_not(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+4915112345678", "+4***"),
        ("to +4915112345678: refused", "to +4***: refused"),
        ("call +49 151 123 45 678 now", "call +4*** now"),
        ("tel:+1-415-555-0132", "tel:+1***"),
        ("+49.3012345678", "+4***"),
        ("from +4915112345678.", "from +4***."),
        ("+44 (0)20 7946 0958", "+4***"),
        ("+49/30/901820.", "+4***."),
        ('{"from": "+4915112345678", "parts": 2}', '{"from": "+4***", "parts": 2}'),
        ("+4915112345678,+4915112345679", "+4***,+4***"),
        ("+4915112345678 2 parts", "+4*** 2 parts"),
        ("at 20:39 +4915112345678 wrote", "at 20:39 +4*** wrote"),
        ("at 20:39 +49 151 1234567", "at 20:39 +4***"),
        ("at 20:39:15.123 +14155550132", "at 20:39:15.123 +1***"),
        ("+49\u00a0151\u00a01234567", "+4***"),
        ("+33\u202f6\u202f12\u202f34\u202f56\u202f78", "+3***"),
        ("+49\u2011151\u20111234567", "+4***"),
        ("+4915112345678 s", "+4*** s"),
        ("+49 151 123 45 678 s", "+4*** s"),
        ("ada+4915112345678@example.org", "a***@example.org"),
    ],
)
def test_international_telephone_numbers_are_masked_but_for_their_beginning(text: str, masked: str) -> None:
    assert masked_text(text, addresses=True) == masked
    assert masked_text(text, addresses=False) == text


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-26T20:39:15.123Z",
        "2026-11-26T20:39:15+10:00",
        "26 Nov 20:39:15 +1000 2026",
        "1764189555",
        "1764189555.123456",
        "4915112345678",
        "123e4567-e89b-12d3-a456-426614174000",
        "00000000-0000-4000-8000-123456789012",
        "background-jobs:v1:60:2026-02-17T21:52:00.000Z",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sha256:0049151123456784151234567890",
        "1073741824 bytes",
        "+1073741824 bytes",
        "+12345678 B",
        "1,234,567.89 EUR",
        "+1,234,567.89 EUR",
        "+12345678.90",
        "+12.345.678,90",
        "+123 ms",
        "+86400000 rows",
        "elapsed +12345678 us",
        "UTC +10 2026-11-26 20:00",
        "20:39:15.123 +1000 20261126",
        "20:39:15 +10:30 2026-11-26",
        "192.168.100.1:9192",
        "127.0.0.1:56789-127.0.0.1:9192",
        "abc+12345678/def==",
        "v1.2.3+20261126",
        "id-415-555-0132-7",
        "0151-12-2026",
    ],
)
def test_ids_times_sizes_and_amounts_are_no_telephone_numbers(text: str) -> None:
    assert masked_text(text, addresses=True) == text


#: Zones east of Greenwich, which are written with "+", by the quarters of an hour that there are.
_EAST = st.builds(
    lambda hours, minutes: timezone(timedelta(hours=hours, minutes=minutes)),
    st.integers(0, 13),
    st.sampled_from([0, 30, 45]),
)
_MOMENTS = st.datetimes(timezones=_EAST)
_SPELT = st.sampled_from(
    [
        datetime.isoformat,
        str,
        format_datetime,
        "{:%d %b %H:%M:%S %z %Y}".format,
        "{:%H:%M:%S.%f %z %Y%m%d}".format,
        "{:%H:%M %z %Y-%m-%d}".format,
    ]
)
_SIGNED = st.builds(
    "{:+d}{}{}".format,
    st.integers(0, 9_999_999_999),
    st.sampled_from(["", " ", "\u00a0"]),
    st.sampled_from(["%", "€", "B", "KiB", "bytes", "rows", "jobs", "s", "ms", "us", "µs"]),
)


@given(
    st.uuids().map(str)
    | st.datetimes().map(str)
    | st.builds(lambda spelt, moment: spelt(moment), _SPELT, _MOMENTS)
    | st.integers().map(str)
    | _SIGNED
    | st.floats().map(str)
    | st.floats(0, 1e15).map("{:+.2f}".format)
)
def test_no_id_time_or_number_is_a_telephone_number(text: str) -> None:
    assert masked_text(text, addresses=True) == text


@given(
    st.lists(st.integers(0, 9), min_size=11, max_size=13),
    st.text(alphabet=" -./\u00a0\u202f\u2011", min_size=14, max_size=14),
    st.sampled_from(["at 20:39 {}", "{}", "{} s", "from {}.", "({})"]),
)
def test_a_long_number_is_masked_however_it_is_grouped(digits: list[int], between: str, told: str) -> None:
    number = "+49" + "".join(f"{mark}{digit}" for mark, digit in zip(between, digits, strict=False))

    assert masked_text(told.format(number), addresses=True) == told.format("+4***")


@given(st.text(alphabet="+0123456789 ()-./", max_size=3_000))
def test_any_digits_are_masked_without_hanging(text: str) -> None:
    assert len(masked_text(text, addresses=True)) <= len(text) + 10


@given(st.text(alphabet="ab@.:/= \n\"'Bearer password", max_size=3_000))
def test_any_text_is_masked_without_growing_much_or_hanging(text: str) -> None:
    masked = masked_text(text, addresses=True)

    assert len(masked) <= 2 * len(text) + 10


def test_secret_is_gone_wherever_it_stands_in_a_long_text() -> None:
    text = "x " * 5_000 + "postgresql://ada:hunter2@db/x " + "y" * 5_000

    assert "hunter2" not in masked_text(text, addresses=True)
