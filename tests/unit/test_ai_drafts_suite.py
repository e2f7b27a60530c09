"""The drafting suite itself: a drafter broken on purpose fails it, and an unreadable case says why in a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from messaging.drafts import DeterministicDrafter, DraftRequest, DraftText
from policy.settings import Settings
from tests.ai_drafts.case_files import CaseUnreadable, DraftCase, Expected, all_cases, read_file
from tests.ai_drafts.judging import complaints

SETTINGS = Settings()


def case(**given: object) -> DraftCase:
    plain = DraftCase(file="f", name="n", lead_writes="When can we talk?", expected=Expected())
    return replace(plain, **given)  # type: ignore[arg-type]  # a test names the fields that it changes


@pytest.mark.parametrize(
    ("spoilt", "objection"),
    [
        pytest.param("It is $12 per van, Ada.", "invented_price", id="it invents a price"),
        pytest.param("Hello [Name],\n\nwhich days suit you?", "placeholder_left", id="it leaves a placeholder"),
        pytest.param(" \n", "empty_draft", id="it says nothing"),
        pytest.param("You are booked for Friday at 6am.", "unoffered_commitment", id="it settles on a time"),
        pytest.param("Book at https://calendly.com/nobody/30min", "fabricated_link", id="it invents a link"),
    ],
)
def test_a_drafter_broken_on_purpose_fails_the_suite(
    spoilt: str, objection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draft(_self: DeterministicDrafter, _request: DraftRequest) -> DraftText:
        return DraftText("Re: routes", spoilt, "spoilt.v1", "spoilt", "0")

    monkeypatch.setattr(DeterministicDrafter, "draft", draft)
    written = [one for one in all_cases() if one.reply is None and not one.model_answers]

    failing = [one for one in written if complaints(one, SETTINGS)]

    assert len(failing) == len(written)
    assert objection in complaints(case(), SETTINGS)[0]


def test_guards_that_sleep_fail_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.ai_drafts.judging.objections", lambda _text, _context: [])
    stopped = [one for one in all_cases() if one.reply is not None and one.expected.refused_for]

    assert [one.title for one in stopped if not complaints(one, SETTINGS)] == []


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        pytest.param(Expected(says=("no such words",)), "to say 'no such words'", id="says"),
        pytest.param(Expected(does_not_say=("HELLO",)), "not to say 'HELLO'", id="does not say"),
        pytest.param(Expected(asks=False), "to ask nothing", id="asks"),
        pytest.param(Expected(longest=9), "at most 9 characters", id="longest"),
        pytest.param(Expected(written=2), "to be written 2 times, not 1", id="written"),
        pytest.param(Expected(read_as="declines"), "'declines', not 'wants_meeting'", id="read as"),
        pytest.param(Expected(opt_out=True), "an opt-out", id="opt out"),
        pytest.param(Expected(refused_for=("empty_draft",)), "empty_draft to be objected to", id="refused for"),
    ],
)
def test_an_unmet_wish_is_one_line_with_case_wish_and_draft(wish: Expected, words: str) -> None:
    (line,) = complaints(case(expected=wish), SETTINGS)

    assert line.startswith("f: n: expected ")
    assert words in line
    assert "the draft says 'Hello Ada Quist," in line
    assert "\n" not in line


def test_an_sms_has_at_most_the_parts_that_its_case_allows() -> None:
    long = case(channel="sms", reply="Which days suit you? " * 12, expected=Expected(parts=1))

    assert "at most 1 parts, not 2" in complaints(long, SETTINGS)[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("about: a\ncases:\n  - {name: b, lead writes: c?, asks: yes", "not YAML", id="no YAML"),
        pytest.param("cases: []", "`about`", id="no sentence"),
        pytest.param("about: a\ncases:\n  - lead writes: b", "without a name", id="no name"),
        pytest.param("about: a\ncases:\n  - name: b", "what the lead writes is missing", id="no lead"),
        pytest.param("about: a\ncases:\n  - {name: b, lead writes: c, sayz: d}", "'sayz'", id="an unknown word"),
        pytest.param("about: a\ncases:\n  - {name: b, lead writes: c, asks: maybe}", "yes or no", id="no truth"),
        pytest.param("about: a\ncases:\n  - {name: b, lead writes: c, longest: long}", "a number", id="no number"),
        pytest.param("about: a\ncases:\n  - {name: b, lead writes: c, sent: today}", "2026-03-02", id="no time"),
        pytest.param("about: a\ncases:\n  - {name: b, lead writes: [c]}", "one text", id="a list for a text"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why_in_a_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(CaseUnreadable, match=r"^odd") as caught:
        list(read_file(path))

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    one = "  - {name: b, lead writes: c}\n"
    (tmp_path / "odd.yaml").write_text(f"about: a\ncases:\n{one}{one}", encoding="utf-8")

    with pytest.raises(CaseUnreadable, match="two cases of this name"):
        all_cases(tmp_path)
