"""The floors: imports go down only, names are ours alone, modules and functions stay small."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.unit.source_tree import Module, imported, long_functions, modules, named_in_strings, opening_line

#: Height of each package: it may import what stands lower, never what stands as high or higher.
FLOORS: Final = {
    "policy": 0,
    "models": 1,
    "middleware": 2,
    "servers": 2,
    "messaging": 3,
    "actors": 4,
    "scripts": 5,
    "console": 5,
    "rehearsal": 5,
    "benchmarks": 6,
    "deploy": 6,
    "tests": 7,
}

#: Packages that only the named others may import, whatever their floor.
RESERVED: Final = {
    "servers": {"scripts", "rehearsal", "benchmarks", "tests"},
    "rehearsal": {"benchmarks", "tests"},
    "scripts": {"benchmarks", "tests"},
    "console": {"benchmarks", "tests"},
    "benchmarks": {"scripts", "tests"},
    "tests": set[str](),
}

#: Modules of the standard library that ask the world something: policy is given what it needs as arguments.
WORLDLY: Final = frozenset({"asyncio", "os", "secrets", "socket", "subprocess", "threading", "time"})

MODULE_LINES_MAX: Final = 300
FUNCTION_LINES_MAX: Final = 45


def climbs(module: Module, known: set[str]) -> list[str]:
    """What a module imports against the floors, as sentences."""
    named = imported(module) | named_in_strings(module, known)
    tops = {name.partition(":")[0].partition(".")[0] for name in named} - {module.package}
    return [f"{module.path} imports {top}" for top in sorted(tops) if not may_import(module.package, top)]


def may_import(package: str, other: str) -> bool:
    if package not in FLOORS or other not in FLOORS:
        return True
    if other in RESERVED:
        return package in RESERVED[other]
    return FLOORS[other] < FLOORS[package]


def written(name: str, text: str) -> Module:
    return Module(name, Path(name.replace(".", "/") + ".py"), text)


def test_no_module_imports_upward() -> None:
    every = modules()
    known = {module.name for module in every}

    found = [sentence for module in every for sentence in climbs(module, known)]

    assert found == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("policy.keys", "import models.ledger", id="a plain import"),
        pytest.param("models.ledger", "from middleware import stack", id="from a package"),
        pytest.param("middleware.claims", "def f():\n    import actors.broker", id="inside a function"),
        pytest.param("models.rows", "if TYPE_CHECKING:\n    from actors import broker", id="for types only"),
        pytest.param("middleware.stack", "importlib.import_module('actors.broker')", id="by importlib"),
        pytest.param("models.rows", "import_module(f'actors.{name}')", id="by an f-string's beginning"),
        pytest.param("middleware.metrics", "target = 'actors.broker:setup'", id="by a string"),
        pytest.param("actors.inbound", "from scripts.main import main", id="the commands"),
        pytest.param("actors.inbound", "import tests", id="the tests"),
        pytest.param("models.database", "import servers.postgres", id="the servers, from outside scripts"),
        pytest.param("servers.postgres", "import middleware.logs", id="the middleware, from the servers"),
        pytest.param("console.app", "import scripts.main", id="a neighbour on the same floor"),
    ],
)
def test_upward_import_is_seen(name: str, text: str) -> None:
    module = written(name, text)

    found = climbs(module, known={"actors.broker"})

    assert len(found) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("actors.inbound", "from models.ledger import claim", id="down"),
        pytest.param("models.ledger.claim", "from . import release", id="a sibling"),
        pytest.param("models.ledger.claim", "from ..rows import job", id="an aunt in its own package"),
        pytest.param("scripts.up", "from servers.postgres import start", id="the servers, from scripts"),
        pytest.param("servers.home", "import models.servers_file", id="their own record, from the servers"),
        pytest.param("tests.unit.test_main", "import scripts.main", id="anything, from tests"),
        pytest.param("policy.keys", "'actors.tick'", id="a string that names no module"),
    ],
)
def test_downward_import_is_let_through(name: str, text: str) -> None:
    module = written(name, text)

    found = climbs(module, known={"actors.broker"})

    assert found == []


def test_policy_imports_the_standard_library_only() -> None:
    allowed = set(sys.stdlib_module_names) - WORLDLY | {"policy", "typing_extensions"}

    found = {
        f"{module.path} imports {name}"
        for module in modules()
        if module.package == "policy"
        for name in imported(module)
        if name.partition(".")[0] not in allowed
    }

    assert found == set()


def test_no_other_distribution_owns_a_name_of_ours() -> None:
    ours = set(FLOORS)

    owners = {
        name: set(distributions) - {"callboard"}
        for name, distributions in importlib.metadata.packages_distributions().items()
        if name in ours and set(distributions) - {"callboard"}
    }

    assert owners == {}


def test_every_top_level_package_has_a_floor() -> None:
    packages = {module.package for module in modules() if len(module.path.parts) > 1}

    without_floor = packages - set(FLOORS)

    assert without_floor == set()


def test_every_module_opens_with_a_line_of_docstring() -> None:
    filled = [module for module in modules() if module.text.strip()]

    found = [str(module.path) for module in filled if not opening_line(module)]

    assert found == []


def test_no_module_is_longer_than_the_limit() -> None:
    lengths = {str(module.path): len(module.text.splitlines()) for module in modules()}

    found = {path: length for path, length in lengths.items() if length > MODULE_LINES_MAX}

    assert found == {}


def test_no_function_is_longer_than_the_limit() -> None:
    found = [
        f"{module.path}: {name} has {length} lines"
        for module in modules()
        for name, length in long_functions(module, FUNCTION_LINES_MAX)
    ]

    assert found == []


def test_long_function_is_seen() -> None:
    module = written("models.rows", "class A:\n    @wraps\n    def f(self):\n        1\n        2\n        3\n")

    found = list(long_functions(module, lines_max=3))

    assert found == [("f", 4)]


@pytest.mark.parametrize("text", ["x = 1\n", '"""\nLate.\n"""\n', "# a comment\n"])
def test_missing_opening_line_is_seen(text: str) -> None:
    module = written("models.rows", text)

    line = opening_line(module)

    assert not line
