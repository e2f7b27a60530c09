"""What `callboard replay` makes of its command line: bad input is one line and exit 2, before anything is looked up."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from scripts.exits import ExitCode
from scripts.main import main

LEAD = "00000000-0000-4000-8000-000000000001"

WRONG = {
    "nothing to replay": [],
    "a client's name that none can have": ["--client-id", "No Such"],
    "times the wrong way round": ["--client-id", "c", "--from", "2026-02-02", "--to", "2026-02-01"],
    "times that meet": ["--client-id", "c", "--from", "2026-02-02", "--to", "2026-02-02"],
    "no time": ["--client-id", "c", "--from", "yesterday-ish"],
    "a thread that is no id": ["--thread-ids", f"{LEAD},x"],
    "no thread": ["--thread-ids", " , "],
    "a file that is not there": ["--thread-ids-file", "/nowhere/threads"],
    "more threads than a run takes": ["--thread-ids", ",".join(str(UUID(int=number)) for number in range(1_001))],
    "a channel that is none": ["--client-id", "c", "--channel", "fax"],
    "no cases": ["--client-id", "c", "--limit", "0"],
    "no threads of work": ["--client-id", "c", "--concurrency", "0"],
    "retries without end": ["--client-id", "c", "--retries", "99"],
    "a profile that is none": ["--client-id", "c", "--judge-profile", "harsh"],
    "a threshold out of range": ["--client-id", "c", "--judge-threshold", "101"],
    "a band upside down": ["--client-id", "c", "--adjudication-band", "80,40"],
    "half a band": ["--client-id", "c", "--adjudication-band", "40"],
    "a baseline that is not there": ["--client-id", "c", "--baseline", "/nowhere/run.json"],
    "jobs in earnest": ["--jobs", "score"],
    "jobs of threads": ["--jobs", "score", "--dry-run", "--thread-ids", LEAD],
    "a filter that is none": ["--jobs", "colour=red", "--dry-run"],
    "a state that is none": ["--jobs", "state=happy", "--dry-run"],
    "a filter said twice": ["--jobs", "actor=a,actor=b", "--dry-run"],
    "a module without jobs": ["--client-id", "c", "--module", "mine"],
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], case: str) -> None:
    code = main(["replay", *WRONG[case]])

    said = capsys.readouterr()
    assert code == ExitCode.USAGE
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("content", "word"),
    [
        pytest.param(f"{LEAD}\nnot-a-thread\n".encode(), "line 2", id="a line that is no id"),
        pytest.param(b"", "no thread id", id="empty"),
        pytest.param(b"# only\n\n# comments\n", "no thread id", id="comments alone"),
        pytest.param(b"\xff\xfe\x00", "UTF-8", id="no text"),
        pytest.param(b'["' + LEAD.encode() + b'"]', "line 1", id="JSON"),
    ],
)
def test_a_malformed_file_of_threads_says_where(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, word: str
) -> None:
    file = tmp_path / "threads"
    file.write_bytes(content)

    code = main(["replay", "--thread-ids-file", str(file)])

    said = capsys.readouterr().err
    assert code == ExitCode.USAGE
    assert len(said.splitlines()) == 1
    assert word in said


def test_a_place_that_cannot_be_written_to_is_said_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")

    code = main(["replay", "--client-id", "c", "--out", str(file / "below")])

    assert code == ExitCode.ERROR
    assert "cannot write" in capsys.readouterr().err
