"""The Grafana dashboard is what its generator writes, and every query asks for series that exist."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from deploy.grafana.board import board
from tests.unit.source_tree import ROOT
from tests.unit.test_alert_rules import known_series, named

WRITTEN: Final[dict[str, Any]] = json.loads((ROOT / "deploy" / "grafana" / "callboard.json").read_text("utf-8"))
PANELS: Final = [panel for panel in WRITTEN["panels"] if panel["type"] != "row"]


def test_dashboard_is_the_one_that_its_generator_writes() -> None:
    assert board() == WRITTEN, "run: python -m deploy.grafana.board > deploy/grafana/callboard.json"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_panel_asks_for_series_that_exist_and_says_what_they_mean(panel: dict[str, Any]) -> None:
    queries = [target["expr"] for target in panel["targets"]]

    assert queries
    assert panel["description"].endswith(".")
    for query in queries:
        assert named(query)
        assert named(query) - known_series() == set()


def test_every_metric_of_ours_is_on_the_board() -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name in named(target["expr"])}
    recorded = {
        "callboard:queue_oldest_age_seconds:max": "callboard_queue_oldest_age_seconds",
        "callboard:dead_letters_open:max": "callboard_dead_letters_open",
        "callboard:jobs_finished:increase10m": "callboard_jobs_finished_total",
    }
    shown |= {recorded[name] for name in shown & set(recorded)}

    stems = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in shown}
    ours = {
        name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        for name in known_series()
        if ":" not in name
    }
    assert ours - stems == set()


def test_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    cells = [
        (panel["gridPos"]["x"] + column, panel["gridPos"]["y"] + row)
        for panel in WRITTEN["panels"]
        for column in range(panel["gridPos"]["w"])
        for row in range(panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in WRITTEN["panels"]}) == len(WRITTEN["panels"])
