"""Reports as Markdown, for docs/benchmarks.md: `python -m benchmarks.table FILE.json …` prints one section a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def section(document: dict[str, Any]) -> str:
    """One report as its `--json` says it: a line on where it was run, a table of results, and the notes."""
    machine, versions = document["machine"], document["versions"]
    where = (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, {machine['system']},"
        f" Python {machine['python']}; medians of {document['rounds']} interleaved rounds."
    )
    used = ", ".join(f"{name} {version}" for name, version in versions.items() if version != "absent")
    lines = [f"### {document['benchmark']}", "", f"{where} {used}.", ""]
    lines += ["| what | median | range | unit | ratio |", "|---|---:|---:|---|---|"]
    lines += [row(one) for one in document["results"]]
    lines += ["", *(f"- {note}" for note in document["notes"])]
    return "\n".join(lines).rstrip() + "\n"


def row(result: dict[str, Any]) -> str:
    """One line of the table."""
    ratio = "" if result["ratio"] is None else f"{result['ratio']:.2f} of {result['ratio_to']}"
    spread = f"{shown(result['low'])} – {shown(result['high'])}"  # noqa: RUF001  # a range takes an en dash
    return f"| {result['name']} | {shown(result['value'])} | {spread} | {result['unit']} | {ratio} |"


def shown(value: float) -> str:
    """A number with as many digits as it can bear."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def main(argv: list[str]) -> int:
    """Print the sections, in the order of the files."""
    print("\n".join(section(json.loads(Path(name).read_text(encoding="utf-8"))) for name in argv))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
