"""Threads that are named to a replay: how much of them is read."""

from __future__ import annotations

import pytest

from messaging.replay import case_store
from messaging.replay.case_store import candidates_of_each
from messaging.replay.selection import Ask, select
from tests.integration.correspondence import BEGAN, Correspondence, begin, mail

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def thread() -> Correspondence:
    """Four mails of a lead."""
    rows = begin()
    rows.receive(mail(2), mail(3), mail(4))
    return rows


def test_of_a_long_thread_the_newest_are_looked_at_and_it_is_said(
    thread: Correspondence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_store, "CANDIDATES_MAX", 2)
    monkeypatch.setattr(case_store, "THREAD_CANDIDATES_MIN", 1)

    chosen = select(Ask(BEGAN, thread_ids=(thread.lead_id,)))

    assert (chosen.candidates, [one.subject for one in chosen.cases]) == (2, ["Question 4"])
    assert chosen.warnings == [
        "only the newest 2 lead messages of each thread were looked at, and those that are named"
    ]


def test_a_lead_message_that_is_named_is_the_case_however_old(
    thread: Correspondence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_store, "CANDIDATES_MAX", 2)
    monkeypatch.setattr(case_store, "THREAD_CANDIDATES_MIN", 1)

    chosen = select(Ask(BEGAN, thread_ids=(thread.lead_message_id,)))

    assert [one.lead_message_id for one in chosen.cases] == [thread.lead_message_id]
    assert chosen.warnings == []


@pytest.mark.parametrize(("threads", "each"), [(1, 2_000), (10, 200), (1_000, 20)])
def test_many_threads_are_not_read_to_their_beginnings(threads: int, each: int) -> None:
    assert candidates_of_each(threads) == each
