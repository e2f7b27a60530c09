"""`dlq apply` under way: it stops by itself, is applied by two at once, and leaves out nobody when it is long."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from models.database import query
from models.ledger.finish import finish
from models.ledger.letters import Operator, discard_letter
from models.ledger.release import release_due
from scripts import applying
from scripts.main import main
from tests.command_cases import PAYLOAD, Callboard, dead_letter
from tests.ledger_cases import DEDUPE_S, claimed, death, in_threads, registered, wanted
from tests.plan_cases import counting_rows

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    return tmp_path / "night.json"


def planned(callboard: Callboard, plan_file: Path, verb: str = "requeue", *options: str) -> dict[str, Any]:
    ended = callboard("dlq", "plan", verb, "--out", plan_file, *options)
    assert ended.code == 0, ended.err
    return dict(json.loads(plan_file.read_text()))


def resolutions() -> list[str]:
    return [row[0] for row in query("SELECT resolution FROM dead_letter ORDER BY died_at, id")]


def test_apply_stops_by_itself_when_failures_come_back(
    callboard: Callboard, plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        dead_letter()
    planned(callboard, plan_file)
    monkeypatch.setattr(applying, "_LOOK_S", 0.0)
    monkeypatch.setattr(applying._Run, "_move", _and_dies_again(applying._Run._move))

    ended = callboard("dlq", "apply", plan_file, "--rate", "100/m", "--stop-after-failures", "1", "--json")

    assert ended.code == 5
    assert (ended.data["moved"], ended.data["failed_again"]) == (1, 1)
    assert resolutions().count("REQUEUED") == 1


def _and_dies_again(move: Any) -> Any:
    def moved(run: Any, batch: Any) -> bool:
        went_on = bool(move(run, batch))
        holder = registered()
        for one in release_due("default", 9):
            finish(holder.id, [death(claimed(holder, wanted(id=one.job_id), one.release))], dedupe_s=DEDUPE_S)
        return went_on

    return moved


def test_letter_that_moves_while_the_plan_is_applied_stops_it(
    callboard: Callboard, plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [dead_letter()[1] for _ in range(4)]
    planned(callboard, plan_file)
    began = threading.Event()

    def discard_the_last(run: Any, batch: Any, move: Any = applying._Run._move) -> bool:
        if not began.is_set():
            began.set()
            discard_letter(letters[-1], Operator("bob", "x"))
        return bool(move(run, batch))

    monkeypatch.setattr(applying._Run, "_move", discard_the_last)

    ended = callboard("dlq", "apply", plan_file, "--rate", "9/s", "--json")

    assert ended.code == 5
    assert ended.data["moved"] == 3
    assert str(letters[-1]) in ended.data["stopped"]
    assert sorted(resolutions()) == ["DISCARDED", "REQUEUED", "REQUEUED", "REQUEUED"]


def test_plan_applied_by_two_at_once_is_done_once_and_both_are_content(callboard: Callboard, plan_file: Path) -> None:
    for _ in range(30):
        dead_letter()
    planned(callboard, plan_file)

    codes = in_threads([lambda: main(["dlq", "apply", str(plan_file), "--rate", "100/s"])] * 2)

    assert codes == [0, 0]
    assert set(resolutions()) == {"REQUEUED"}
    assert query("SELECT count(*), count(DISTINCT target) FROM operator_action WHERE result = 'done'") == [(30, 30)]
    assert query("SELECT DISTINCT requeues FROM background_job") == [(1,)]


def a_burst(letters: int) -> None:
    """So many jobs die at once."""
    query(
        "INSERT INTO background_job (id, dispatch_key, holds_key, key_expires_at, actor, queue, payload, state, run_at,"
        " correlation_id, requested_at, finished_at)"
        " SELECT id, id::text, false, now(), 'actor', 'default', %s, 'dead', now(), id::text, now(), now()"
        " FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, %s)) AS made",
        (PAYLOAD, letters),
    )
    query(
        "INSERT INTO dead_letter (id, job_id, queue, payload, reason)"
        " SELECT gen_random_uuid(), id, 'default', payload, 'terminal' FROM background_job"
    )


def test_ten_thousand_letters_are_requeued_each_with_its_line_in_the_operators_log(
    callboard: Callboard, plan_file: Path
) -> None:
    a_burst(10_000)
    planned(callboard, plan_file)

    ended = callboard("dlq", "apply", plan_file)

    assert ended.code == 0
    assert query("SELECT count(DISTINCT target) FROM operator_action WHERE result = 'done'") == [(10_000,)]
    assert query("SELECT count(*) FROM background_job WHERE state = 'pending'") == [(10_000,)]


def test_burst_that_postgresql_has_not_seen_yet_costs_a_few_rows_a_letter(
    callboard: Callboard, plan_file: Path
) -> None:
    dead_letter()
    query("ANALYZE dead_letter, background_job")
    query("DELETE FROM dead_letter")
    query("DELETE FROM background_job")
    a_burst(2_000)
    planned(callboard, plan_file)

    with counting_rows() as handled:
        ended = callboard("dlq", "apply", plan_file, "--json")

    assert ended.data["moved"] == 2_000
    assert 2_000 <= handled.rows < 200 * 2_000
