"""Artifacts stand whole or not at all, under their run's name, for their owner's eyes; baselines are read from them."""

from __future__ import annotations

import json
import stat
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from messaging.replay.artifact import write_artifact
from messaging.replay.baseline import BaselineUnreadable, read_baseline

AT = datetime(2026, 3, 2, 10, 0, 0, 123_000, tzinfo=timezone.utc)


def test_a_run_is_named_by_its_moment_with_dashes(tmp_path: Path) -> None:
    written = write_artifact(tmp_path / "new" / "folder", AT, {"cases": []})

    assert written.file == tmp_path / "new" / "folder" / "run-2026-03-02T10-00-00-123Z.json"
    assert json.loads(written.file.read_text()) == {
        "runId": "run-2026-03-02T10-00-00-123Z",
        "createdAt": "2026-03-02T10:00:00.123Z",
        "cases": [],
    }


def test_an_earlier_run_is_never_overwritten(tmp_path: Path) -> None:
    first = write_artifact(tmp_path, AT, {"cases": [1]})

    second = write_artifact(tmp_path, AT, {"cases": [2]})

    assert json.loads(first.file.read_text())["cases"] == [1]
    assert second.run_id == "run-2026-03-02T10-00-00-124Z"


def test_a_file_that_is_named_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "told.json"
    write_artifact(file, AT, {"cases": [1]})

    write_artifact(file, AT, {"cases": [2]})

    assert json.loads(file.read_text())["cases"] == [2]
    assert list(tmp_path.iterdir()) == [file]


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    written = write_artifact(tmp_path, AT, {})

    assert stat.S_IMODE(written.file.stat().st_mode) == 0o600


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_artifact(tmp_path, AT, {"cases": object()})

    assert list(tmp_path.iterdir()) == []


def _artifact(cases: list[dict[str, Any]]) -> str:
    return json.dumps({"runId": "run-1", "cases": cases})


def test_a_baseline_has_the_scores_of_its_cases(tmp_path: Path) -> None:
    file = tmp_path / "earlier.json"
    failed = {"caseId": "b", "score": None, "status": "failed", "failureType": "draft_generation_error"}
    unjudged = {"caseId": "c", "score": None, "status": "failed", "failureType": "judge_error"}
    file.write_text(_artifact([{"caseId": "a", "score": 80, "status": "evaluated"}, failed, unjudged]))

    assert read_baseline(file).scores == {"a": 80, "b": 0}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"runId": "x", "cases": [1]}', '{"runId": "x", "cases": [{"caseId": "a"}]}', "\x00"]
)
def test_what_is_no_artifact_is_no_baseline(tmp_path: Path, text: str) -> None:
    file = tmp_path / "earlier.json"
    file.write_text(text)

    with pytest.raises(BaselineUnreadable, match="earlier"):
        read_baseline(file)


def test_a_baseline_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BaselineUnreadable, match="No such file"):
        read_baseline(tmp_path / "none.json")
