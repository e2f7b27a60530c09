"""Levels by actor: what is read, which name decides, and what is refused."""

from __future__ import annotations

import pytest

from policy.errors import SettingInvalid
from policy.log_levels import ActorLevels, read_levels
from policy.settings import read


def test_pairs_are_read_by_name() -> None:
    assert read_levels("score_lead=WARNING, ingest_*=debug,*=ERROR") == {"score_lead": 30, "ingest_*": 10, "*": 40}


@pytest.mark.parametrize(
    "given",
    ["", "a", "a=", "a=LOUD", "=INFO", "a=INFO,", "a=INFO,a=DEBUG", "a b=INFO", "a*b=INFO", "é=INFO", "a=INFO\n,"],
)
def test_what_is_no_list_of_levels_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="not actor=LEVEL"):
        read_levels(given)


def test_setting_that_cannot_be_read_names_itself_and_what_is_allowed() -> None:
    with pytest.raises(SettingInvalid, match=r"CALLBOARD_LOG_LEVELS.*LOUD.*actor=LEVEL"):
        read({"CALLBOARD_LOG_LEVELS": "a=LOUD"})


@pytest.mark.parametrize(
    ("actor", "level"),
    [
        ("score_lead", 30),
        ("score_lead_again", 40),
        ("score_all", 40),
        ("ingest", 10),
        ("other", 20),
        (None, 20),
        (7, 20),
    ],
)
def test_longest_name_that_fits_decides(actor: object, level: int) -> None:
    levels = ActorLevels(20, {"score_lead": 30, "score_*": 40, "ingest*": 10, "s*": 50})

    assert levels.of(actor) == level
    assert levels.of(actor) == level
    assert levels.lowest == 10
