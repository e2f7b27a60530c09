"""Sending hours, the kill switch and a send by hand, with the real commands, workers and mail server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from servers import embedded
from tests.acceptance.stage import Stage, fresh_stage
from tests.acceptance.waiting import until
from tests.integration.sending_cases import CountingSink

MAIL = """From: Lea Lead <lead@prospect.example>
To: replies@acme.example
Subject: Question
Message-ID: <1@prospect.example>

Could you tell me more?
"""
ATTEMPTS = (
    "SELECT run.status, job.state, job.attempts_spent, job.run_at FROM background_job AS job"
    " JOIN background_function_run AS run ON run.job_id = job.id WHERE job.actor = 'auto_send'"
)


@pytest.fixture
def sink() -> Iterator[tuple[CountingSink, str]]:
    sink = CountingSink()
    with sink.listening() as url:
        yield sink, url


@pytest.fixture
def mailing(
    servers: embedded.Servers, tmp_path: Path, sink: tuple[CountingSink, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """A stage whose mail server is the sink, with a mailbox of one mail."""
    (tmp_path / "mailbox").mkdir()
    (tmp_path / "mailbox" / "1.eml").write_text(MAIL, encoding="ascii")
    with fresh_stage(tmp_path, servers.database_url, servers.redis_url, SMTP_URL=sink[1]) as stage:
        yield stage


def callboard(stage: Stage, *words: str) -> int:
    return stage.command(*words).wait(120)


def test_a_reply_waits_for_its_hours_spends_nothing_and_goes_out_once_when_a_person_asks(
    mailing: Stage, sink: tuple[CountingSink, str]
) -> None:
    codes = [
        callboard(mailing, "ingest", "mailbox", "--client-id", "acme"),
        callboard(mailing, "clients", "set", "acme", "--sending-hours", "never"),
    ]
    worker = mailing.command("worker")
    waiting = until(
        lambda: [row for row in mailing.rows(ATTEMPTS) if row[0] != "RUNNING"], "the send's first attempt", 30
    )
    drafts = mailing.rows("SELECT id::text, status FROM draft")
    effects = mailing.value("SELECT count(*) FROM side_effect")

    codes += [
        callboard(mailing, "clients", "set", "acme", "--sending-hours", "always"),
        callboard(mailing, "send", drafts[0][0]),
    ]
    until(lambda: mailing.rows("SELECT 1 FROM draft WHERE status = 'sent'"), "the reply sent", 90)
    # The job that waits for its hour comes up in the end, and finds that it was done.
    mailing.rows("UPDATE background_job SET run_at = now() WHERE state = 'pending' AND actor = 'auto_send'")
    results = until(lambda: _results(mailing, 2), "both jobs ended", 90)
    worker.stop()
    raised = [(line["event"], line["level"]) for line in worker.lines() if "raised" in line.get("event", "")]

    assert codes == [0, 0, 0, 0]
    assert [row[:3] for row in waiting] == [("RESCHEDULED", "pending", 0)]
    assert waiting[0][3] > datetime.now(timezone.utc) + timedelta(hours=23)
    assert (drafts[0][1], effects) == ("pending", 0)
    assert raised == [("actor_raised_expected", "INFO")]
    assert sorted(result["replayed"] for result in results) == [False, True]
    assert len(sink[0].mails) == 1


def test_a_paused_client_sends_nothing_until_it_is_resumed_and_asked(
    mailing: Stage, sink: tuple[CountingSink, str]
) -> None:
    callboard(mailing, "ingest", "mailbox", "--client-id", "acme")
    callboard(mailing, "clients", "pause", "acme")
    worker = mailing.command("worker")
    refused = until(lambda: _results(mailing, 1), "the send refused", 90)
    draft_id = mailing.value("SELECT id::text FROM draft")

    while_paused = callboard(mailing, "send", draft_id)
    callboard(mailing, "clients", "resume", "acme")
    resumed = callboard(mailing, "send", draft_id)
    until(lambda: mailing.rows("SELECT 1 FROM draft WHERE status = 'sent'"), "the reply sent", 90)
    worker.stop()

    assert refused == [{"refused": "client_paused"}]
    assert (while_paused, resumed, len(sink[0].mails)) == (4, 0, 1)
    assert mailing.rows("SELECT verb, result FROM operator_action ORDER BY id") == [
        ("pause", "done"),
        ("send", "refused: client_paused"),
        ("resume", "done"),
        ("send", "done"),
    ]


def _results(stage: Stage, number: int) -> list[dict[str, Any]]:
    """The results of sends that have succeeded, once there are so many."""
    rows = stage.rows("SELECT result FROM background_job WHERE actor = 'auto_send' AND state = 'succeeded'")
    found = [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in rows]
    return found if len(found) >= number else []
