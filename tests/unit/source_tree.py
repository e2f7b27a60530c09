"""The project's own sources as syntax trees: which modules there are, and what each one imports or names.

Reads files and knows nothing of the rules; those are in test_floors.py and test_docs.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

#: Folders of the checkout that hold no sources of ours, besides those whose name begins with a dot.
NOT_OURS: Final = frozenset({"build", "dist", "__pycache__"})

_IMPORTING_CALLS: Final = frozenset({"import_module", "__import__"})
_DOTTED: Final = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)+(:[A-Za-z_]\w*)?")


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name, its place under the checkout, its text."""

    name: str
    path: Path
    text: str

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.name.partition(".")[0]

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))


def ours(folder: Path = ROOT) -> Iterator[Path]:
    """Every file of the project below a folder, in order; nothing hidden, nothing built."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in NOT_OURS or entry.name.endswith(".egg-info"):
            continue
        if entry.is_dir():
            yield from ours(entry)
        else:
            yield entry


def modules() -> list[Module]:
    """Every Python file of the project, packages and tests alike."""
    return [
        Module(_dotted(path.relative_to(ROOT)), path.relative_to(ROOT), path.read_text(encoding="utf-8"))
        for path in ours()
        if path.suffix == ".py"
    ]


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(module: Module) -> set[str]:
    """Dotted names that a module imports: anywhere in it, under TYPE_CHECKING too, and by a literal
    name given to importlib or `__import__`.
    """
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= _named_from(node, module)
        elif isinstance(node, ast.Call):
            found |= _named_by_call(node)
    return found


def _named_from(node: ast.ImportFrom, module: Module) -> set[str]:
    if not node.level:
        return {node.module} if node.module else set()
    is_package = module.path.name == "__init__.py"
    parts = module.name.split(".")
    above = parts[: len(parts) - node.level + is_package]
    return {".".join([*above, *filter(None, [node.module])])}


def _named_by_call(node: ast.Call) -> set[str]:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in _IMPORTING_CALLS or not node.args:
        return set()
    first = node.args[0]
    if isinstance(first, ast.JoinedStr):  # f"scripts.{name}": its beginning is literal
        first = first.values[0]
    return {first.value} if isinstance(first, ast.Constant) and isinstance(first.value, str) else set()


def named_in_strings(module: Module, known: set[str]) -> set[str]:
    """Modules of ours that a string names in full (`"actors.broker:setup"`): imports by another hand."""
    strings = {
        node.value
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value)
    }
    return {text for text in strings if text.partition(":")[0] in known}


def long_functions(module: Module, lines_max: int) -> Iterator[tuple[str, int]]:
    """Functions longer than the limit, decorators not counted: name and length in lines."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > lines_max:
                yield node.name, length


def opening_line(module: Module) -> str | None:
    """The docstring's first line as written, or None where there is no docstring."""
    docstring = ast.get_docstring(module.tree, clean=False)
    return None if docstring is None else docstring.partition("\n")[0].strip()
