"""`callboard demo`: its counts, its honesty about losses, and a worker killed at the worst moment."""

from __future__ import annotations

import email
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from servers import embedded
from tests.acceptance.stage import ROOT, Stage, free_port, fresh_stage
from tests.acceptance.waiting import until

SAMPLE = ROOT / "tests" / "data" / "mailbox"
#: Mailboxes of one's own beside the sample (CALLBOARD_TEST_MAILBOX).
OTHER_MAILBOXES = [path for path in [os.environ.get("CALLBOARD_TEST_MAILBOX", "")] if path]
#: What the sample's README promises: 19 lead messages, of which three are never answered, and two are overtaken.
SAMPLE_COUNTS = {"received": 19, "drafted": 16, "sent": 13, "refused": 6, "held": 0, "lost": 0}
#: Seconds for a whole demo on a machine that others use, too.
WITHIN_S = 120.0

#: Loaded by every Python process of the demo: the first worker to have a mail accepted is killed before it can say so.
KILL_AFTER_250 = """
import os, signal, smtplib

close = smtplib.SMTP.close

def close_or_die(session):
    try:
        os.close(os.open(os.environ["KILLED_MARK"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return close(session)
    os.kill(os.getpid(), signal.SIGKILL)

smtplib.SMTP.close = close_or_die
"""


@pytest.fixture
def emptied(servers: embedded.Servers, tmp_path: Path) -> Iterator[Stage]:
    """A ledger of this test's own, on the session's servers."""
    with fresh_stage(tmp_path, servers.database_url, servers.redis_url) as stage:
        yield stage


class Demo:
    """One run of the demo, in a process of its own."""

    def __init__(self, stage: Stage, *words: str, environ: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.main", "demo", *words],
            cwd=stage.folder,
            env={**stage.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> tuple[int, str, str]:
        """Exit code, standard output and standard error, once it has ended."""
        try:
            out, err = self._process.communicate(timeout=WITHIN_S)
        finally:
            self._process.kill()
        return self._process.returncode, out, err

    def counts(self) -> tuple[int, dict[str, Any]]:
        """Exit code and the object that it ends with."""
        code, out, err = self.end()
        assert out, err
        return code, json.loads(out.splitlines()[-1])


def mails_in(home: Path) -> Counter[str]:
    """How often each Message-ID lies in the sink."""
    found = (email.message_from_bytes(path.read_bytes()) for path in (home / "mail" / "new").iterdir())
    return Counter(str(one["Message-ID"]) for one in found)


def test_the_sample_is_answered_once_however_often_it_is_ingested(emptied: Stage) -> None:
    first_code, first = Demo(emptied, "--json").counts()
    second_code, second = Demo(emptied, "--json").counts()

    assert (first_code, second_code) == (0, 0)
    assert SAMPLE_COUNTS.items() <= first.items()
    assert SAMPLE_COUNTS.items() <= second.items()
    assert {name: first[name] for name in ("retried", "dead", "duplicates_suppressed")} == {
        "retried": 2,
        "dead": 1,
        "duplicates_suppressed": 19,
    }
    assert {name: second[name] for name in ("retried", "dead", "duplicates_suppressed")} == {
        "retried": 2,
        "dead": 1,
        "duplicates_suppressed": 38,
    }
    mails = mails_in(emptied.folder / "home")
    assert len(mails) == 13
    assert set(mails.values()) == {1}


def test_the_demo_ticks_and_counts_its_windows(emptied: Stage) -> None:
    code, counts = Demo(emptied, "--json").counts()

    statuses = "SELECT source, status FROM background_dispatch_window"
    assert code == 0
    windows = emptied.rows(statuses)
    assert set(windows) == {("demo", "ENQUEUED")}
    assert counts["windows"] == {"enqueued": len(windows), "failed": 0, "inline": 0, "dispatching": 0, "missed": 0}


@pytest.mark.parametrize("mailbox", [str(SAMPLE), *OTHER_MAILBOXES])
def test_every_lead_message_has_one_outcome(emptied: Stage, mailbox: str) -> None:
    code, counts = Demo(emptied, "--json", "--mailbox", mailbox).counts()

    assert (code, counts["lost"]) == (0, 0)
    assert counts["sent"] + counts["refused"] + counts["held"] + counts["dead"] - 1 == counts["received"]
    assert emptied.value("SELECT count(*) FROM lead_message WHERE direction = 'inbound'") == counts["received"]


def test_rows_hold_together_after_a_demo(emptied: Stage) -> None:
    Demo(emptied, "--json").counts()

    assert emptied.value("SELECT count(*) FROM background_job WHERE state IN ('pending', 'queued', 'running')") == 0
    orphans = "SELECT count(*) FROM background_function_run AS run WHERE NOT EXISTS"
    assert emptied.value(f"{orphans} (SELECT FROM background_job AS job WHERE job.id = run.job_id)") == 0
    assert emptied.rows("SELECT state, count(*) FROM side_effect GROUP BY 1 ORDER BY 1") == [
        ("CONFIRMED", 13),
        ("REFUSED", 3),
    ]
    assert emptied.rows("SELECT refusal, count(*) FROM draft WHERE refusal IS NOT NULL GROUP BY 1 ORDER BY 1") == [
        ("lead_opted_out", 1),
        ("newer_inbound_exists", 2),
    ]
    outbound = "SELECT count(*), count(DISTINCT draft_id) FROM lead_message WHERE direction = 'outbound'"
    assert emptied.rows(outbound) == [(13, 13)]


def test_it_starts_servers_of_its_own_and_leaves_none_behind(tmp_path: Path, session_home: Path) -> None:
    home = session_home.parent / "demo-home"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "scripts.main", "demo", "--mailbox", str(SAMPLE)],
            cwd=tmp_path,
            env=inherited
            | {
                "PYTHONPATH": str(ROOT),
                "CALLBOARD_HOME": str(home),
                "CALLBOARD_METRICS_PORT": str(port),
                "CALLBOARD_HEALTH_PORT": "0",
            },
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    words = [line.split()[:2] for line in done.stdout.splitlines()]
    assert ["sent", "13"] in words
    assert ["lost", "0"] in words
    assert "enqueued, 0 failed, 0 inline, 0 missed (of 60 s each)" in done.stdout
    assert "callboard up" in done.stdout
    assert done.stderr == "callboard: skipped 15-not-a-mail.eml: not a mail: it has no headers\n"
    assert not any(str(home) in line for line in _command_lines())


def test_a_job_row_that_is_deleted_on_the_way_is_a_loss_and_is_said(emptied: Stage) -> None:
    demo = Demo(emptied, "--json")
    deleted = until(
        lambda: emptied.rows(
            "DELETE FROM background_job WHERE id = (SELECT id FROM background_job WHERE lead_message_id IS NOT NULL"
            " AND state IN ('pending', 'queued') ORDER BY id LIMIT 1) RETURNING id"
        ),
        "a job that waits",
        30,
    )

    code, counts = demo.counts()

    assert len(deleted) == 1
    assert (code, counts["lost"], counts["received"]) == (1, 1, 19)
    assert counts["sent"] + counts["refused"] == 18


def test_mail_that_no_server_takes_ends_as_a_dead_letter_and_not_as_held(emptied: Stage, tmp_path: Path) -> None:
    mailbox = tmp_path / "mailbox"
    mailbox.mkdir()
    (mailbox / "1.eml").write_text("From: lea@prospect.example\n\nTell me more.\n", encoding="ascii")
    nowhere = {"CALLBOARD_SMTP_URL": f"smtp://127.0.0.1:{free_port()}"}

    code, counts = Demo(emptied, "--json", "--mailbox", str(mailbox), environ=nowhere).counts()

    assert (code, counts["sent"], counts["held"], counts["lost"]) == (0, 0, 0, 0)
    assert (counts["dead"], counts["retried"]) == (2, 5)
    assert emptied.rows("SELECT state, intents FROM side_effect") == [("FAILED", 3)]


def test_a_worker_killed_between_the_250_and_the_confirmation_sends_nothing_twice(emptied: Stage) -> None:
    (emptied.folder / "sitecustomize.py").write_text(KILL_AFTER_250, encoding="ascii")
    mark = emptied.folder / "killed"
    quick = {"CALLBOARD_LEASE_SECONDS": "3", "CALLBOARD_HEARTBEAT_SECONDS": "0.5", "KILLED_MARK": str(mark)}

    code, counts = Demo(emptied, "--json", environ=quick).counts()

    assert mark.exists()
    assert (code, counts["lost"], counts["received"]) == (0, 0, 19)
    # The threads beside the one that was accepted die with it: what they had begun is held, too.
    held = counts["held"]
    assert held >= 1
    assert counts["sent"] + held == SAMPLE_COUNTS["sent"]
    mails = mails_in(emptied.folder / "home")
    assert set(mails.values()) == {1}
    assert counts["sent"] < len(mails) <= SAMPLE_COUNTS["sent"]
    assert emptied.value("SELECT count(*) FROM side_effect WHERE state = 'UNKNOWN'") == held
    assert emptied.value("SELECT count(*) FROM draft WHERE status = 'held'") == held
    assert emptied.value("SELECT count(*) FROM dead_letter WHERE reason = 'outcome_unknown'") == held


def _command_lines() -> list[str]:
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                lines.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return lines
