"""What the code imports is what setup.cfg asks for, and its data files travel with the packages."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

from tests.unit.source_tree import ROOT, imported, modules, ours

#: Extras that a package may count on besides the plain dependencies.
EXTRAS: Final = {
    "middleware": {"otel"},
    "servers": {"embedded"},
    "tests": {"embedded", "otel", "test"},
    "benchmarks": {"embedded", "otel", "test"},
    "rehearsal": {"embedded", "test"},
}

#: Modules that run in environments of their own, which `callboard bench peers` makes.
ELSEWHERE: Final = "benchmarks.peer_plays."

#: Kinds of files that the code reads from beside its modules.
DATA_KINDS: Final = frozenset({".sql", ".lua"})


@pytest.fixture(scope="module")
def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def canonical(requirement: str) -> str:
    """A requirement's name as indexes compare it: lower case, one dash for every run of `-_.`."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def listed(text: str) -> set[str]:
    lines = (line.strip() for line in text.splitlines())
    return {canonical(line) for line in lines if line and not line.startswith("#")}


def test_every_import_from_outside_is_asked_for(config: configparser.ConfigParser) -> None:
    owners = importlib.metadata.packages_distributions()
    required = listed(config["options"]["install_requires"])
    extras = {name: listed(text) for name, text in config["options.extras_require"].items()}
    every = modules()
    at_home = {module.package for module in every}

    missing = {
        f"{module.path} imports {top}"
        for module in every
        if not module.name.startswith(ELSEWHERE)
        for top in {name.partition(".")[0] for name in imported(module)} - at_home - sys.stdlib_module_names
        if not {canonical(owner) for owner in owners.get(top, [])}
        & required.union(*(extras[extra] for extra in EXTRAS.get(module.package, set())))
    }

    assert missing == set()


def test_every_data_file_is_packed(config: configparser.ConfigParser) -> None:
    patterns = config["options.package_data"]["*"].split()
    packages = {path.parent.relative_to(ROOT) for path in ours() if path.name == "__init__.py"}
    data = [path.relative_to(ROOT) for path in ours() if path.suffix in DATA_KINDS and in_package(path)]

    unpacked = [str(path) for path in data if not packed(path, packages, patterns)]

    assert data
    assert unpacked == []


def in_package(path: Path) -> bool:
    return path.relative_to(ROOT).parts[0] not in {"tests", "benchmarks", "deploy", "docs"}


def packed(path: Path, packages: set[Path], patterns: list[str]) -> bool:
    """Whether a pattern takes the file in, seen from the innermost package around it."""
    package = next(folder for folder in path.parents if folder in packages)
    inside = str(path.relative_to(package))
    return any(fnmatch(inside, pattern) and inside.count("/") == pattern.count("/") for pattern in patterns)


def test_every_package_is_packed(config: configparser.ConfigParser) -> None:
    include = config["options.packages.find"]["include"].split()
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in ours()
        if path.name == "__init__.py" and in_package(path)
    }

    unpacked = {name for name in found if not any(fnmatch(name, pattern) for pattern in include)}

    assert unpacked == set()
