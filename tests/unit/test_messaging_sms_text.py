"""What one SMS carries, and where a longer text is parted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.sms_text import MOST_PARTS, fits_one_sms, septets, sms_parts

WORDS = st.lists(st.text(alphabet="abc é€ж🙂", min_size=1, max_size=30), max_size=40).map(" ".join)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        pytest.param("a" * 160, True, id="160 of the alphabet"),
        pytest.param("a" * 161, False, id="161 of the alphabet"),
        pytest.param("€" * 80, True, id="80 that cost two"),
        pytest.param("€" * 80 + "a", False, id="80 that cost two, and one"),
        pytest.param("ж" * 70, True, id="70 of another alphabet"),
        pytest.param("ж" * 71, False, id="71 of another alphabet"),
        pytest.param("a" * 69 + "ж", True, id="one foreign character among 70"),
        pytest.param("a" * 70 + "ж", False, id="one foreign character among 71"),
        pytest.param("🙂" * 35, True, id="35 beyond the plane, two units each"),
        pytest.param("🙂" * 35 + "a", False, id="35 beyond the plane, and one"),
        pytest.param("ÄÖÜäöüß\n@", True, id="umlauts are in the alphabet"),
    ],
)
def test_an_sms_carries_what_its_alphabet_allows(text: str, fits: bool) -> None:
    assert fits_one_sms(text) is fits


@pytest.mark.parametrize(("text", "length"), [("abc", 3), ("a[b]", 6), ("ç", None), ("Ç", 1)])
def test_length_in_septets(text: str, length: int | None) -> None:
    assert septets(text) == length


def test_a_text_is_parted_between_words() -> None:
    parts = sms_parts("Hello Ada,\n" + "seventeen letters " * 17)

    assert parts is not None
    assert len(parts) == 3
    assert parts[0].startswith("Hello Ada,\nseventeen letters")
    assert all(part.endswith("letters") or part.endswith("seventeen") for part in parts)


def test_a_part_that_needs_another_alphabet_is_shorter_than_its_siblings() -> None:
    parts = sms_parts("plain " * 30 + "кириллица " * 6)

    assert parts is not None
    assert len(parts[0]) > 70
    assert all(len(part) <= 70 for part in parts[1:])
    assert all(fits_one_sms(part) for part in parts)


def test_four_parts_are_too_many() -> None:
    assert sms_parts("a" * 159 + " " + "b" * 159 + " " + "c" * 159) is not None
    assert sms_parts("a" * 159 + " " + "b" * 159 + " " + "c" * 159 + " dd") is None


def test_a_very_long_text_is_refused_without_being_parted_whole() -> None:
    assert sms_parts("word " * 1_000_000) is None


def test_an_overlong_word_is_cut_between_characters() -> None:
    assert sms_parts("汉" * 100) == ("汉" * 70, "汉" * 30)


def test_a_link_is_never_cut() -> None:
    link = "https://x.example/" + "a" * 160

    assert sms_parts(f"See {link}") is None


@pytest.mark.parametrize(
    "character",
    ["👨\u200d👩\u200d👧", "👍🏽", "❤\ufe0f", "e\u0301", "🇩🇪"],
    ids=["family", "skin tone", "variation selector", "accent", "flag"],
)
def test_a_character_of_several_code_points_is_not_torn(character: str) -> None:
    parts = sms_parts(character * (360 // len(character.encode("utf-16-le"))))

    assert parts is not None
    assert len(parts) > 1
    assert all(len(part) % len(character) == 0 for part in parts)


@given(WORDS)
def test_parts_fit_and_lose_nothing_but_white_space(text: str) -> None:
    parts = sms_parts(text)

    if parts is None:
        return
    assert len(parts) <= MOST_PARTS
    assert all(part and fits_one_sms(part) for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@given(st.text(max_size=200))
def test_what_stands_in_a_text_that_fits_fits(text: str) -> None:
    if fits_one_sms(text):
        assert all(fits_one_sms(text[start:]) and fits_one_sms(text[:start]) for start in range(len(text)))
