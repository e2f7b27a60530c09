"""What is masked in a line's values: secrets by their form, mail addresses by default, nothing else."""

from __future__ import annotations

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


@given(st.text(alphabet="ab@.:/= \n\"'Bearer password", max_size=3_000))
def test_any_text_is_masked_without_growing_much_or_hanging(text: str) -> None:
    masked = masked_text(text, addresses=True)

    assert len(masked) <= 2 * len(text) + 10


def test_secret_is_gone_wherever_it_stands_in_a_long_text() -> None:
    text = "x " * 5_000 + "postgresql://ada:hunter2@db/x " + "y" * 5_000

    assert "hunter2" not in masked_text(text, addresses=True)
