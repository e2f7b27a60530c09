"""The replay as people run it: `tox -e ai-replay`, real processes, nothing let out, and Ctrl-C keeps what was done."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import embedded
from tests.acceptance.stage import FINAL_STATES, Stage
from tests.acceptance.waiting import until
from tests.integration.test_replay_model import judgement, scripted
from tests.unit.scripted_model import model_api
from tests.unit.source_tree import ROOT

#: Seconds for a process that starts servers of its own, on a machine that is busy with others.
_PATIENCE_S = 300

_ROWS = (
    "SELECT (SELECT count(*) FROM draft), (SELECT count(*) FROM background_job), (SELECT count(*) FROM side_effect),"
    " (SELECT count(*) FROM dead_letter), (SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM lead_message AS m),"
    " (SELECT md5(string_agg(lead::text, '' ORDER BY id)) FROM lead),"
    " (SELECT md5(string_agg(draft::text, '' ORDER BY id)) FROM draft),"
    " (SELECT md5(string_agg(job::text, '' ORDER BY id)) FROM background_job AS job)"
)


class Ear:
    """Listens where mail and Redis are said to be, and answers nobody."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.port = int(server.getsockname()[1])
        server.settimeout(0)

    def heard_nothing(self) -> bool:
        """Whether nobody has connected: a connection would wait in the backlog."""
        try:
            self._server.accept()[0].close()
        except BlockingIOError:
            return True
        return False


@pytest.fixture
def ear() -> Iterator[Ear]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Ear(server)


@pytest.fixture
def sampled(stage: Stage) -> Stage:
    """A stage with the sample's client."""
    assert stage.command("sample").wait(60) == 0
    return stage


def newest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(max((folder / ".artifacts/ai-replay").glob("run-*.json")).read_text())
    return found


def statuses(told: dict[str, Any]) -> dict[str, int]:
    names = ("evaluated", "failed", "skipped", "selectedOnly")
    return {name: told["summary"][name] for name in names if told["summary"][name]}


@pytest.mark.parametrize("words", [["--dry-run"], []], ids=["dry", "live"])
def test_twenty_cases_of_the_sample_and_not_one_byte_leaves(sampled: Stage, ear: Ear, words: list[str]) -> None:
    before = sampled.rows(_ROWS)
    settings = {"SMTP_URL": f"smtp://127.0.0.1:{ear.port}", "REDIS_URL": f"redis://127.0.0.1:{ear.port}/0"}

    line = ["replay", "--client-id", "sample", "--limit", "20", "--concurrency", "3", *words]
    code = sampled.command(*line, settings=settings).wait(120)

    told = newest(sampled.folder)
    assert code == 0
    assert statuses(told) == ({"selectedOnly": 20} if words else {"evaluated": 20})
    assert told["summary"]["criticalMisses"] == 0
    assert sampled.rows(_ROWS) == before
    assert ear.heard_nothing()


def test_jobs_that_workers_ran_are_run_again_and_nothing_is_sent_twice(
    stage: Stage, servers: embedded.Servers, ear: Ear
) -> None:
    mailbox = str(ROOT / "tests" / "data" / "mailbox")
    stage.command("ingest", mailbox, "--client-id", "acme").wait(60)  # 5: one of its files is no mail
    workers = stage.command("worker", settings={"SMTP_URL": servers.smtp_url})
    unfinished = "SELECT count(*) = 0 FROM background_job WHERE NOT state = ANY (%s)"
    until(lambda: stage.value(unfinished, list(FINAL_STATES)), "the end of all jobs", 120)
    workers.stop(60)
    before = stage.rows(_ROWS)
    settings = {"SMTP_URL": f"smtp://127.0.0.1:{ear.port}", "REDIS_URL": f"redis://127.0.0.1:{ear.port}/0"}

    replay = stage.command("replay", "--jobs", "client=acme", "--dry-run", "--limit", "100", settings=settings)

    assert replay.wait(120) == 0, replay.text
    told = newest(stage.folder)
    actors = {case["actor"] for case in told["cases"] if case["status"] == "evaluated"}
    assert actors >= {"inbound_post_process", "auto_send"}
    assert told["summary"]["differences"] == {}
    assert stage.rows(_ROWS) == before
    assert ear.heard_nothing()


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        ("socket.create_connection(('127.0.0.1', {port}))", "module talker cannot be imported: Sealed", 1),
        ("import nowhere_to_be_found", "no module 'nowhere_to_be_found'", 3),
    ],
    ids=["that connects", "that is not there"],
)
def test_a_module_opens_no_connection_before_the_seal(stage: Stage, ear: Ear, text: str, said: str, code: int) -> None:
    (stage.folder / "talker.py").write_text(f"import socket\n{text.format(port=ear.port)}\n", encoding="utf-8")

    replay = stage.command("replay", "--jobs", "all", "--dry-run", "--module", "talker")

    assert replay.wait(60) == code
    assert said in replay.text
    assert "Traceback" not in replay.text
    assert ear.heard_nothing()


def test_an_interrupted_replay_keeps_what_was_done(sampled: Stage) -> None:
    script, hangs = scripted(lambda _: judgement(90)), threading.Event()
    answer = script.meanwhile

    def hang_at_the_third() -> None:
        if len(script.asked) > 4:
            hangs.wait(_PATIENCE_S)
        answer()

    script.meanwhile = hang_at_the_third
    with model_api(script) as url:
        settings = {"LLM_BASE_URL": url, "LLM_MODEL": "m-1", "LEASE_SECONDS": 3600}
        line = ["replay", "--client-id", "sample", "--limit", "5", "--concurrency", "1", "--no-slots"]
        replay = sampled.command(*line, settings=settings)
        until(lambda: len(script.asked) > 4, "the third case", 60)
        os.kill(replay._master.pid, signal.SIGINT)
        code = replay.wait(60)
        hangs.set()

    told = newest(sampled.folder)
    assert code == 130
    assert [case["status"] for case in told["cases"]] == ["evaluated", "evaluated", "skipped", "skipped", "skipped"]
    assert told["summary"]["interrupted"] is True


@pytest.fixture
def fresh() -> Iterator[Path]:
    """A home that PostgreSQL's account may enter, where no server has ever run."""
    with tempfile.TemporaryDirectory(prefix="cb-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_the_owners_commands_work_where_no_server_runs(fresh: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CALLBOARD_", "TOX_"))}
    environ = inherited | {"CALLBOARD_HOME": str(fresh / "home")}
    told: list[dict[str, int]] = []

    for words in (["--dry-run", "--limit", "20"], ["--limit", "20", "--concurrency", "3"]):
        out = fresh / f"told-{len(told)}.json"
        tox = [sys.executable, "-m", "tox", "run", "-c", str(ROOT / "tox.ini"), "--workdir", str(fresh / "tox")]
        replay = ["-e", "ai-replay", "--", "--client-id", "sample", *words, "--out", str(out)]
        done = subprocess.run(
            [*tox, *replay], env=environ, check=False, capture_output=True, text=True, timeout=_PATIENCE_S
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told.append(statuses(json.loads(out.read_text(encoding="utf-8"))))

    assert told == [{"selectedOnly": 20}, {"evaluated": 20}]
