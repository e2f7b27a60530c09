"""Every event that the code writes stands in docs/logs.md with its fields, and nothing else does."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import Final

from tests.unit.source_tree import ROOT, modules

#: Written by the sink itself, which makes its line by hand.
BY_HAND: Final = {"log_lines_dropped": {"dropped"}}
_ROW: Final = re.compile(r"^\| `([a-z_]+)` \| ([A-Z, ]+) \| (.+?) \| .+ \|$", re.MULTILINE)
_LEVELS: Final = {"TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"}


def written() -> dict[str, tuple[set[str], set[str]]]:
    """Levels and fields of each event, as calls of `event` name them."""
    found: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for module in modules():
        if module.package in {"tests", "benchmarks"}:
            continue
        for call in (node for node in ast.walk(ast.parse(module.text)) if isinstance(node, ast.Call)):
            if is_event(call) and isinstance(call.args[0], ast.Constant):
                levels, fields = found[str(call.args[0].value)]
                levels |= levels_of(call)
                fields |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return found


def is_event(call: ast.Call) -> bool:
    """`event(…)` or `logs.event(…)`, with something to say; `events` writes many lines of one."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    return (name == "event" and bool(call.args)) or (name == "events" and len(call.args) == 2)


def is_batch(call: ast.Call) -> bool:
    """`events(…)`, whose lines are mappings made elsewhere."""
    return (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)) == "events"


def levels_of(call: ast.Call) -> set[str]:
    """The levels a call may have: what its second argument names, nothing where that is a variable."""
    if len(call.args) < 2 or is_batch(call):
        return {"INFO"}
    names = {node.value for node in ast.walk(call.args[1]) if isinstance(node, ast.Constant)}
    return {name for name in names if name in _LEVELS}


def documented() -> dict[str, tuple[set[str], set[str]]]:
    """Levels and fields of each event, as the page has them."""
    text = (ROOT / "docs/logs.md").read_text(encoding="utf-8").partition("\n## Events\n")[2]
    return {
        name: (set(levels.split(", ")), set(re.findall(r"`(\w+)`", fields)))
        for name, levels, fields in _ROW.findall(text)
    }


def test_every_event_is_documented_and_every_documented_event_is_written() -> None:
    assert sorted(documented()) == sorted({*written(), *BY_HAND})


def test_every_field_of_an_event_is_documented() -> None:
    page = documented()

    missing = {name: fields - page[name][1] for name, (_, fields) in written().items() if name in page}

    assert {name: fields for name, fields in missing.items() if fields} == {}


def test_every_level_of_an_event_is_documented() -> None:
    page = documented()

    missing = {name: levels - page[name][0] for name, (levels, _) in written().items() if name in page}

    assert {name: levels for name, levels in missing.items() if levels} == {}


def test_calls_in_every_form_are_found() -> None:
    first = 'event("a", "ERROR" if x else "INFO", error=e, n=1)\nlogs.event("b")'
    tree = ast.parse(f'{first}\nevent(name)\nevents("c", lines)')

    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]

    assert [is_event(call) for call in calls] == [True, True, True, True]
    assert [sorted(levels_of(call)) for call in calls] == [["ERROR", "INFO"], ["INFO"], ["INFO"], ["INFO"]]
