"""docs/commands.md tells of every command, and of every verb and option of those that look and change."""

from __future__ import annotations

import argparse
import importlib
import re

import pytest

from scripts.main import COMMANDS
from scripts.parsing import OneLineParser
from tests.unit.source_tree import ROOT

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

#: Commands of verbs, whose options are told beside each verb. What all lists or all verbs share is told once.
VERBAL = ["runs", "jobs", "windows", "workers", "clients", "leads", "dlq", "actions"]


def verbs_of(command: str) -> dict[str, argparse.ArgumentParser]:
    commands = OneLineParser().add_subparsers()
    importlib.import_module(f"scripts.{command}").add_parser(commands)
    (verbs,) = (
        action for action in commands.choices[command]._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(verbs.choices)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section(command: str) -> None:
    assert re.search(rf"^### callboard {command}$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", VERBAL)
def test_every_verb_and_option_is_told(command: str) -> None:
    words = {option for parser in verbs_of(command).values() for option in parser._option_string_actions}
    words |= {f"callboard {command} {verb}" for verb in verbs_of(command)}
    synonyms = {"-h", "--help", "--client", "--function"}

    untold = [word for word in sorted(words - synonyms) if not re.search(rf"{word}\b", PAGE)]

    assert untold == []
