"""mypy checks every module of the project, once and under one name."""

from __future__ import annotations

import configparser
import sys

import pytest
from mypy.config_parser import parse_config_file
from mypy.find_sources import create_source_list
from mypy.options import Options

from tests.unit.source_tree import ROOT, modules


def test_mypy_finds_every_module_once_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    options = Options()
    parse_config_file(options, lambda: None, "setup.cfg", sys.stdout, sys.stderr)

    found = create_source_list(options.files or [], options)

    assert sorted(source.module for source in found) == sorted(module.name for module in modules())


def test_mypy_is_strict_everywhere() -> None:
    config = configparser.ConfigParser()

    config.read(ROOT / "setup.cfg")

    assert config.getboolean("mypy", "strict")
    loosened = {key for name in config.sections() if name.startswith("mypy-") for key in config[name]}
    assert loosened <= {"ignore_missing_imports"}
