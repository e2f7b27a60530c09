"""Fingerprints: the same error again, whatever ids it carries."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.fingerprints import fingerprint

FRAMES = ["actors/inbound.py:draft_reply", "messaging/drafts.py:render"]


@given(st.integers(0), st.integers(0))
def test_numbers_do_not_count(number: int, other: int) -> None:
    assert fingerprint("E", f"lead {number} is gone", FRAMES) == fingerprint("E", f"lead {other} is gone", FRAMES)


@given(st.uuids(), st.uuids())
def test_uuids_do_not_count(uuid: UUID, other: UUID) -> None:
    assert fingerprint("E", f"draft {uuid}!", FRAMES) == fingerprint("E", f"draft {other}!", FRAMES)


@pytest.mark.parametrize(
    ("message", "other"),
    [
        ("object at 0x7f3a2c1d", "object at 0x55aa"),
        ("digest 9f86d081884c7d65", "digest 2c26b46b68ffc68f"),
        ("id 1234567", "id 12345678"),
        ("waited 1.5 s", "waited 2 s"),
        ("at 10:31:02", "at 9:00:00"),
    ],
    ids=["address", "digest", "seven and eight digits", "amount", "time of day"],
)
def test_what_varies_does_not_count(message: str, other: str) -> None:
    assert fingerprint("E", message, FRAMES) == fingerprint("E", other, FRAMES)


@pytest.mark.parametrize(
    ("error_class", "message", "frames"),
    [
        ("KeyError", "lead is gone", FRAMES),
        ("E", "lead is paused", FRAMES),
        ("E", "lead is gone", FRAMES[:1]),
    ],
    ids=["class", "words", "place"],
)
def test_another_error_has_another_name(error_class: str, message: str, frames: list[str]) -> None:
    assert fingerprint(error_class, message, frames) != fingerprint("E", "lead is gone", FRAMES)


def test_a_word_of_hex_letters_is_a_word() -> None:
    assert fingerprint("E", "a deadbeef", FRAMES) != fingerprint("E", "a feedface", FRAMES)


def test_line_numbers_of_frames_do_not_count() -> None:
    assert fingerprint("E", "", ["a.py:10:f"]) == fingerprint("E", "", ["a.py:99:f"])


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_message_has_a_fingerprint(message: str) -> None:
    assert len(fingerprint("E", message, FRAMES)) == 16
