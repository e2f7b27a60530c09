"""Capped texts fit their row: size, NUL, surrogates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.texts import cap_text

#: Any Python string, lone surrogates and NUL among it.
wild = st.text(alphabet=st.characters(exclude_categories=()))


@given(wild, st.integers(-2, 60), st.booleans())
def test_a_capped_text_can_be_stored_and_fits(text: str, size_bytes: int, keep_end: bool) -> None:
    capped = cap_text(text, size_bytes, keep_end=keep_end)

    assert len(capped.encode()) <= max(size_bytes, 0)
    assert "\0" not in capped


@given(wild)
def test_capping_twice_changes_nothing_more(text: str) -> None:
    once = cap_text(text, 20)

    assert cap_text(once, 20) == once


@pytest.mark.parametrize(
    ("text", "size_bytes", "capped"),
    [
        ("short", 5, "short"),
        ("longer", 5, "lo…"),
        ("äöü", 6, "äöü"),
        ("äöüß", 6, "ä…"),
        ("abc", 2, "ab"),
        ("a\0b", 9, "a\ufffdb"),
        ("a\ud800b", 9, "a\ufffdb"),
        ("anything", 0, ""),
    ],
    ids=[
        "fits",
        "cut",
        "fits in bytes",
        "cut between characters",
        "no room for a mark",
        "NUL",
        "surrogate",
        "none",
    ],
)
def test_text_is_scrubbed_and_cut(text: str, size_bytes: int, capped: str) -> None:
    assert cap_text(text, size_bytes) == capped


def test_a_traceback_keeps_its_last_lines() -> None:
    assert cap_text("Traceback: ValueError: no", 16, keep_end=True) == "…alueError: no"
