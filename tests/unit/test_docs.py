"""The papers say what is there: every setting and command, links that lead somewhere, nobody's own paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from policy.settings import SETTINGS, default_of
from scripts.main import COMMANDS
from tests.unit.source_tree import ROOT, modules, ours

PAGES: Final = [path for path in ours() if path.suffix == ".md" and "data" not in path.parts]

_FENCED: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`[^`\n]*`")
_LINK: Final = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_MACHINE_PATH: Final = re.compile(r"(?<![\w./-])/(?:home|root|Users|work|workspace|mnt)/[\w.]+|\b[A-Z]:\\\w+")
#: A page of ours that a source names: docs/metrics.md, docs/decisions/0003.
_NAMED_PAGE: Final = re.compile(r"docs/(?:decisions/\d{4}|[\w/-]+\.md)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def broken_links(page: Path) -> Iterator[str]:
    """Links of a page to files or headings that are not there."""
    for target in _LINK.findall(_CODE.sub("", _FENCED.sub("", page.read_text(encoding="utf-8")))):
        if _ELSEWHERE.match(target):
            continue
        file, _, heading = target.partition("#")
        found = (page.parent / file) if file else page
        if not found.exists():
            yield f"{page.name}: {target}: no such file"
        elif heading and heading not in anchors(found.read_text(encoding="utf-8")):
            yield f"{page.name}: {target}: no such heading"


def anchors(text: str) -> set[str]:
    """The headings' anchors as code hosts make them: lower case, spaces as dashes, punctuation dropped."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_FENCED.sub("", text))
    }


def cells(table_row: str) -> list[str]:
    return [cell.strip().strip("`") for cell in table_row.strip().strip("|").split("|")]


def test_every_setting_stands_in_the_page_with_its_default_unit_and_range() -> None:
    rows = [cells(row) for row in (ROOT / "docs/settings.md").read_text(encoding="utf-8").splitlines()]
    defined = [[setting.name, default_of(setting) or "-", setting.unit or "-", setting.allowed] for setting in SETTINGS]

    written = [row[:4] for row in rows if len(row) == 5 and row[0].startswith("CALLBOARD_")]

    assert written == defined


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_mentioned(command: str) -> None:
    mention = re.compile(rf"callboard {command}\b")

    pages = [name_of(page) for page in PAGES if mention.search(page.read_text(encoding="utf-8"))]

    assert pages != []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = list(broken_links(page))

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_holds_no_path_of_somebodys_machine(page: Path) -> None:
    found = _MACHINE_PATH.findall(page.read_text(encoding="utf-8"))

    assert found == []


def test_every_page_that_a_source_names_is_there() -> None:
    named = {(page, module.path) for module in modules() for page in _NAMED_PAGE.findall(module.text)}

    missing = {(page, path) for page, path in named if not list(ROOT.glob(f"{page}*"))}

    assert missing == set()


def test_broken_links_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# The floors, drawn\n[up](#the-floors-drawn) [gone](#nowhere) [file](other.md) `[code](no.md)`\n"
        "[out](https://example.org/x) [self](page.md#the-floors-drawn)\n",
        encoding="utf-8",
    )

    broken = list(broken_links(page))

    assert broken == ["page.md: #nowhere: no such heading", "page.md: other.md: no such file"]


@pytest.mark.parametrize("text", ["see /home/ann/callboard", "in `/root/x`", r"C:\Users"])
def test_machine_path_is_seen(text: str) -> None:
    assert _MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["/metrics", "docs/work/x", "https://host/home/x", "`/tmp`"])
def test_path_that_is_nobodys_is_let_through(text: str) -> None:
    assert not _MACHINE_PATH.search(text)
