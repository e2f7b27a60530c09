"""Which Python runs which measured system, and that what bare Dramatiq loads can be loaded without ours."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from benchmarks import throughput
from benchmarks.ground import Ground, RoundFailed
from benchmarks.play import SYSTEMS
from benchmarks.pythons import python_of
from benchmarks.workloads import WORKLOADS
from tests.unit.source_tree import Module, modules

#: What is run with the Python of bare's own environment.
RUN_THERE: Final = (
    *("benchmarks.play", "benchmarks.fill", "benchmarks.producer", "benchmarks.caller"),
    "benchmarks.client",
)
#: What is installed there.
INSTALLED: Final = frozenset({"dramatiq", "redis"})

GROUND: Final = Ground("postgresql://nowhere/db", "redis://nowhere/0", Path("logs"))
ROOM: Final = Path("rooms/bare-dramatiq/bin/python")


@pytest.mark.parametrize("system", SYSTEMS)
def test_bare_alone_runs_in_its_own_environment(system: str) -> None:
    furnished = replace(GROUND, bare_python=ROOM)

    python = python_of(system, furnished)

    assert python == (str(ROOM) if system in {"bare", "bare-prefetch"} else sys.executable)


@pytest.mark.parametrize("system", ["bare", "bare-prefetch"])
def test_bare_without_its_environment_is_refused(system: str) -> None:
    with pytest.raises(RoundFailed, match=f"{system} has no environment of its own"):
        python_of(system, GROUND)


@pytest.mark.parametrize(
    ("workload", "processes", "beside"),
    [("noop", 1, True), ("noop", 2, False), ("io", 1, False)],
    ids=["no-op, one process", "two processes", "another workload"],
)
def test_bare_with_our_parser_stands_beside_once(workload: str, processes: int, beside: bool) -> None:
    systems = throughput._systems(WORKLOADS[workload], processes)

    assert ("bare-hiredis" in systems) == beside
    assert systems[-1] == "callboard"


def loaded(module: Module) -> set[str]:
    """Modules that are imported as soon as this one is."""
    found: set[str] = set()
    for node in module.tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_what_bare_loads_needs_nothing_of_ours() -> None:
    by_name = {module.name: module for module in modules()}
    waiting, seen = list(RUN_THERE), set[str]()

    while waiting:
        name = waiting.pop()
        seen.add(name)
        if name in by_name:
            waiting += loaded(by_name[name]) - seen

    tops = {name.partition(".")[0] for name in seen} - sys.stdlib_module_names
    assert tops == {"benchmarks", *INSTALLED}
