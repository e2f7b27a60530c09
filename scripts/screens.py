"""How rows become text for people (aligned tables, name and value) and JSON for machines.

It must not know which rows there are. Whatever a row holds is made harmless for a terminal.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID

from models.readings.wording import moment

RowT = TypeVar("RowT")

#: Columns of text that every screen fits into; a wider terminal is used.
WIDTH = 120
#: A column that gives way keeps so much.
_NARROWEST = 8
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """A column of a table. Those that give way are cut, with "…", until the row fits, the last ones first."""

    title: str
    cell: Callable[[RowT], str]
    gives_way: bool = False
    right: bool = False


def screen_width() -> int:
    """How wide a screen may be: the terminal's width, WIDTH at least and where there is none."""
    return max(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if sys.stdout.isatty() else WIDTH


def table(columns: Sequence[Column[RowT]], rows: Sequence[RowT], width: int = WIDTH) -> Iterator[str]:
    """A line of titles, then a line a row, aligned, none wider than `width` where cutting can do that."""
    lines = [[column.title for column in columns]]
    lines += [[harmless(column.cell(row)) for column in columns] for row in rows]
    widths = _fitted(columns, [max(map(text_width, cells)) for cells in zip(*lines, strict=True)], width)
    for line in lines:
        cells = [
            _padded(_cut(text, wide), wide, right=column.right)
            for text, wide, column in zip(line, widths, columns, strict=True)
        ]
        yield _GAP.join(cells).rstrip()


def named_values(values: Mapping[str, object]) -> Iterator[str]:
    """A line a value, names aligned; texts of several lines stand indented below their name."""
    wide = max(map(len, values), default=0)
    for name, value in values.items():
        lines = shown(value).splitlines() or ["-"]
        if len(lines) == 1:
            yield f"{name:<{wide}}  {harmless(lines[0])}"
        else:
            yield name
            yield from (f"    {harmless(line, keep_spaces=True)}" for line in lines)


def shown(value: object) -> str:
    """A value as people read it; `-` for None."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value) or "-"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def harmless(text: str, *, keep_spaces: bool = False) -> str:
    """The text on one line, with nothing in it that a terminal would obey: errors quote what strangers sent."""
    line = text if keep_spaces else " ".join(text.split())
    return "".join("·" if unicodedata.category(sign)[0] == "C" else sign for sign in line)


def text_width(text: str) -> int:
    """Columns that a text takes: wide signs two, combining ones none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def as_json(value: Any) -> str:
    """Rows as JSON: an object for one, a list for many; moments in ISO 8601, UTC. Escaped where output is not UTF-8."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return json.dumps(plain(value), indent=2, ensure_ascii=not encoding.lower().startswith("utf"))


def plain(value: Any) -> Any:
    """What JSON can carry: dataclasses as objects, moments as `2026-02-17T21:52:00.123456Z`, ids as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return [plain(item) for item in value]
    return value


def _fitted(columns: Sequence[Column[RowT]], widths: list[int], width: int) -> list[int]:
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    for place in reversed(range(len(columns))):
        if excess > 0 and columns[place].gives_way:
            given = min(excess, max(0, widths[place] - max(_NARROWEST, len(columns[place].title))))
            widths[place] -= given
            excess -= given
    return widths


def _cut(text: str, wide: int) -> str:
    if text_width(text) <= wide:
        return text
    kept = text
    while text_width(kept) > wide - 1:
        kept = kept[:-1]
    return kept + "…"


def _padded(text: str, wide: int, *, right: bool) -> str:
    space = " " * (wide - text_width(text))
    return space + text if right else text + space
