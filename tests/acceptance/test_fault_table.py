"""The table of faults, from a fault brought about on both systems to the page; and what the command refuses."""

from __future__ import annotations

import json

import pytest

from benchmarks.faults import FAULTS, Row, ours_is_clean, page
from scripts.main import main

#: Faults that stock Dramatiq shows within seconds.
QUICK = ("retry_enqueue_fails", "exception_in_before_hook")


@pytest.mark.usefixtures("environment")
def test_stock_loses_or_doubles_where_ours_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["bench", "faults", "--only", *QUICK, "--watch", "10", "--json"])
    rows = {(row["fault"], row["system"]): row for row in json.loads(capsys.readouterr().out)["rows"]}

    assert code == 0
    assert rows["retry_enqueue_fails", "stock"]["lost"] == 1
    assert rows["exception_in_before_hook", "stock"]["doubled"] == 1
    for fault in QUICK:
        ours = rows[fault, "callboard"]
        assert (ours["lost"], ours["doubled"], ours["stuck"]) == (0, 0, 0)
        assert ours["recovery_s"] is not None


def test_unknown_fault_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["bench", "faults", "--only", "meteor"])

    assert code == 2
    assert "no fault is called meteor: sigkill_running, " in capsys.readouterr().err


def test_every_fault_has_a_sentence_of_its_own() -> None:
    sentences = [fault.sentence for fault in FAULTS.values()]

    assert len(set(sentences)) == len(FAULTS) == 25


def test_page_shows_both_systems_in_a_row_a_fault() -> None:
    rows = [
        Row("redis_flushall", "stock", 22, 0, 0, None),
        Row("redis_flushall", "callboard", 0, 0, 0, 2.06),
        Row("postgres_away", "callboard", 0, 0, 1, None, "a note"),
    ]

    lines = page(rows, 120).splitlines()

    assert "| FLUSHALL under load | 22 | 0 | 0 | not seen | 0 | 0 | 0 | 2.1 s |  |" in lines
    assert "| PostgreSQL is gone (a minute; 10 s in short) | - | - | - | - | 0 | 0 | 1 | not seen | a note |" in lines
    assert not ours_is_clean(rows)
    assert ours_is_clean(rows[:2])
