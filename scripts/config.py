"""`callboard config`: the settings in force, secrets masked. It connects to nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping

from policy.setting_kinds import PREFIX, Setting, Value
from policy.settings import SETTINGS, Settings, masked, read
from scripts.exits import ExitCode
from scripts.parsing import Subparsers

#: Variables under our prefix that are no settings: the gate's own.
_GATE_PREFIX = f"{PREFIX}TEST_"


def add_parser(commands: Subparsers) -> None:
    """Add `config` to the commands."""
    parser = commands.add_parser(
        "config",
        help="the settings in force",
        description="The settings in force, secrets masked. docs/settings.md says what each one means.",
    )
    parser.add_argument("--json", action="store_true", help="one object: name to value, null where unset")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Print the settings; warnings (clamped values, names that are no setting) go to standard error."""
    settings, warnings = read(os.environ)
    for warning in [*warnings, *unknown_names(os.environ)]:
        print(f"callboard: {warning}", file=sys.stderr)
    if args.json:
        print(json.dumps(values(settings), indent=2))
    else:
        print("\n".join(lines(settings, os.environ)))
    return ExitCode.DONE


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """A warning for each variable that looks like a setting and is none; a misspelt one is silent else."""
    known = {setting.name for setting in SETTINGS}
    strange = (name for name in environ if name.startswith(PREFIX) and not name.startswith(_GATE_PREFIX))
    return [f"{name} is no setting of Callboard" for name in sorted(set(strange) - known)]


def values(settings: Settings) -> dict[str, Value]:
    """Every setting under its name: numbers and flags as such, texts masked, None where unset."""
    shown = masked(settings)
    return {setting.name: _value(setting, settings, shown[setting.name]) for setting in SETTINGS}


def _value(setting: Setting, settings: Settings, shown: str) -> Value:
    value: Value = getattr(settings, setting.attribute)
    return shown if isinstance(value, str) else value


def lines(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """A line a setting: name, value, unit, and where the value comes from."""
    shown = masked(settings)
    name_width = max(map(len, shown))
    texts = {setting.name: f"{shown[setting.name] or '-'} {setting.unit}".strip() for setting in SETTINGS}
    text_width = max(map(len, texts.values()))
    for name, text in texts.items():
        origin = "environment" if environ.get(name, "").strip() else "default"
        yield f"{name:<{name_width}}  {text:<{text_width}}  {origin}"
