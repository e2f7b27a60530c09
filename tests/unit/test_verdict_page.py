"""docs/verdicts.md is what the rule table makes of it."""

from __future__ import annotations

import re

from policy.rules import RULES, VerdictKind
from scripts.verdict_page import _KINDS, page
from tests.unit.source_tree import ROOT


def test_page_is_what_the_table_makes_of_it() -> None:
    written = (ROOT / "docs/verdicts.md").read_text(encoding="utf-8")

    made = page()

    assert written == made, "run: python -m scripts.verdict_page > docs/verdicts.md"


def test_every_rule_stands_in_the_page_in_its_place_with_its_verdict() -> None:
    rows = re.findall(r"^\| (\d+) \| `([\w-]+)` \| .* \| `(\w+)`", page(), re.MULTILINE)

    assert rows == [(str(number), rule.id, str(rule.kind)) for number, rule in enumerate(RULES, start=1)]


def test_every_verdict_is_explained() -> None:
    assert set(_KINDS) == set(VerdictKind)
