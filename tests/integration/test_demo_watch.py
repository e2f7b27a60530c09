"""What the demo waits for, and when it stops waiting: rows decide, nothing is waited for without an end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from messaging.draft_store import mark_processed, record_sent, refuse_draft
from messaging.outcomes import Outcomes, count_outcomes
from models.database import query
from models.ledger.dispatch import Wanted, dispatch_jobs
from policy.keys import reply_effect_key
from policy.settings import Settings
from scripts import demo_watch
from scripts.demo_watch import watch
from scripts.demo_workers import Crew
from scripts.progress import Progress
from tests.integration.correspondence import Correspondence, begin, mail, sent_mail

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of a fraction of a second."""
    monkeypatch.setattr(demo_watch, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(demo_watch, "_LAST_WORDS_S", 0.1)


def job_for(rows: Correspondence, state: str = "queued") -> UUID:
    """A job of the correspondence's lead message."""
    job = Wanted(
        uuid4(), str(uuid4()), "auto_send", "default", b"{}", "family", 3, lead_message_id=str(rows.lead_message_id)
    )
    dispatch_jobs([job], dedupe_s=60)
    if state == "dead":
        query(
            "UPDATE background_job SET state = 'dead', holds_key = false, finished_at = now() WHERE id = %s", (job.id,)
        )
        query(
            "INSERT INTO dead_letter (id, job_id, queue, payload, reason) VALUES (%s, %s, 'default', '', 'exhausted')",
            (uuid4(), job.id),
        )
    return job.id


def effect(rows: Correspondence, state: str) -> None:
    """The reply's effect, in that state."""
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, settled_at)"
        " VALUES (%s, 'email', %s, 'r', 1, %s, now())",
        (reply_effect_key(rows.lead_message_id, 1), uuid4(), state),
    )


def watch_one(rows: Correspondence, crew: Crew) -> list[str]:
    """What had to be given up, waiting for the correspondence's first mail."""
    return watch([rows.lead_message_id], [], crew, Progress(), Settings(lease_s=0.0))


@pytest.fixture
def crew(tmp_path: Path) -> Crew:
    """Nobody."""
    return Crew(home=tmp_path, commands={})


def test_a_message_without_job_and_outcome_is_not_waited_for(crew: Crew) -> None:
    rows = begin()

    unfinished = watch_one(rows, crew)

    assert unfinished == []
    assert count_outcomes([rows.lead_message_id]).open == 1


def test_a_job_that_nobody_runs_is_given_up_by_name(crew: Crew) -> None:
    rows = begin()
    job_id = job_for(rows)

    unfinished = watch_one(rows, crew)

    assert len(unfinished) == 1
    assert unfinished[0].startswith(f"auto_send {job_id} (queued, due ")


OUTCOMES: dict[str, Callable[[Correspondence], object]] = {
    "sent": lambda rows: record_sent(rows.outgoing(), sent_mail()),
    "sent (effect only)": lambda rows: effect(rows, "CONFIRMED"),
    "held": lambda rows: effect(rows, "UNKNOWN"),
    "refused": lambda rows: refuse_draft(rows.draft_id, uuid4(), "client_paused"),
    "dead": lambda rows: job_for(rows, "dead"),
    "open": lambda rows: effect(rows, "FAILED"),
}


@pytest.mark.parametrize("fate", OUTCOMES)
def test_each_lead_message_is_counted_under_one_outcome(fate: str) -> None:
    rows = begin()
    OUTCOMES[fate](rows)

    counts = count_outcomes([rows.lead_message_id])

    expected = dict.fromkeys(("sent", "held", "refused", "dead", "open"), 0) | {fate.partition(" ")[0]: 1}
    assert counts == Outcomes(received=1, drafted=1, **expected)


def test_mail_that_is_never_answered_counts_as_refused_once_it_was_handled() -> None:
    rows = begin()
    message_id = rows.receive(mail(2, headers=["Auto-Submitted: auto-generated"]))[0]

    before = count_outcomes([message_id])
    mark_processed(message_id)
    after = count_outcomes([message_id])

    assert (before.open, before.refused) == (1, 0)
    assert (after.open, after.refused, after.drafted) == (0, 1, 0)
