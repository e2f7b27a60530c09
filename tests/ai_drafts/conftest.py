"""The suite's summary: which drafter wrote, and how many cases of each file hold."""

from __future__ import annotations

from collections import Counter

import pytest

from messaging.drafters import drafter_for
from messaging.drafts import MODEL, PROMPT_KEY, DeterministicDrafter
from messaging.reply_prompt import PROMPT_KEY as MODEL_PROMPT_KEY
from tests.ai_drafts.settings import suite_settings


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for the drafter, and one for each file."""
    held = Counter(_file(one) for one in terminalreporter.stats.get("passed", []))
    failed = Counter(_file(one) for one in terminalreporter.stats.get("failed", []))
    files = sorted(name for name in held | failed if name)
    if not files:
        return
    terminalreporter.section("drafting suite")
    terminalreporter.write_line(f"drafter       {_drafter()}")
    for name in files:
        failures = f"  {failed[name]} FAILED" if failed[name] else ""
        terminalreporter.write_line(f"{name:<14}{held[name]} of {held[name] + failed[name]} cases hold{failures}")


def _file(report: object) -> str:
    """The case file of a report; empty for a test that is no case."""
    name = getattr(report, "nodeid", "").partition("test_case_holds[")[2]
    return str(name).partition(":")[0] if getattr(report, "when", "call") == "call" else ""


def _drafter() -> str:
    settings = suite_settings()
    if isinstance(drafter_for(settings), DeterministicDrafter):
        return f"{MODEL} ({PROMPT_KEY})"
    return f"{settings.llm_model} at {settings.llm_base_url} ({MODEL_PROMPT_KEY})"
