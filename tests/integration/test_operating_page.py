"""docs/operating.md and docs/rollout.md: every command exists with its options; those that look are run."""

from __future__ import annotations

import re
import shlex

import pytest

from scripts.main import COMMANDS, build_parser
from tests.command_cases import Callboard, dead_letter, job_with_secret
from tests.unit.source_tree import ROOT

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
ROLLOUT = (ROOT / "docs" / "rollout.md").read_text(encoding="utf-8")


def steps_of(page: str) -> list[str]:
    return sorted(set(re.findall(r"`(?:[A-Z_]+=\w+ )?callboard ([^`]+)`", page)))


STEPS = steps_of(PAGE)

#: The cases that an operator must find here, as the issue names them.
RUNBOOKS = [
    "A stalled queue",
    "Growing dead letters",
    "A stuck window",
    "A poison message",
    "An unknown outcome",
    "Redis lost",
    "Database failover",
    "Emergency inline mode, on and off",
]
#: What only looks, and whose code says whether there was something to see.
LOOKING = (
    "workers list",
    "jobs list",
    "runs list",
    "windows list",
    "dlq list",
    "actions list",
    "explain",
    "dlq show ID",
)


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


@pytest.mark.parametrize("step", [*STEPS, *steps_of(ROLLOUT)])
def test_every_step_is_a_command_with_the_options_it_has(step: str) -> None:
    words = shlex.split(step)

    parsed = build_parser(words).parse_args(words)

    assert parsed.command in COMMANDS


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_every_case_has_a_runbook_of_steps(runbook: str) -> None:
    section = PAGE.partition(f"## {runbook}\n")[2].partition("\n## ")[0]

    assert len(re.findall(r"`[^`]*callboard [^`]+`", section)) >= 3


def test_steps_that_look_run_as_they_stand(
    callboard: Callboard, ledger_database: str, redis_client: object, environment: dict[str, str]
) -> None:
    _, letter_id = dead_letter("KEY", client_id="CLIENT")
    job_with_secret("KEY", queue="QUEUE", client_id="CLIENT")

    ended = {
        step: callboard(*(str(letter_id) if word == "ID" else word for word in shlex.split(step)))
        for step in STEPS
        if step.startswith(LOOKING)
    }

    assert len(ended) >= 12
    assert {step: one.err for step, one in ended.items() if one.code not in (0, 3)} == {}
