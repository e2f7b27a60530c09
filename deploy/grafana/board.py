"""Writes the Grafana dashboard from its rows: `python -m deploy.grafana.board > deploy/grafana/callboard.json`.

It must not know Grafana's servers nor ours. A test compares what it writes with what is there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from deploy.grafana.rows import ROWS, Panel

#: Grafana's grid is 24 wide; a panel takes a third of it.
_GRID = 24
_WIDTH, _HEIGHT = 8, 7
#: The data source that whoever opens the board chooses.
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def board() -> dict[str, Any]:
    """The whole dashboard, as Grafana imports it."""
    return {
        "uid": "callboard",
        "title": "Callboard",
        "tags": ["callboard"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "annotations": {"list": [_alerts()]},
        "templating": {"list": [_source(), _choice("actor", "attempts_total"), _choice("client", _BY_CLIENT)]},
        "panels": list(_laid_out(ROWS)),
    }


_BY_CLIENT = "jobs_finished_by_client_total"


def _laid_out(rows: Sequence[tuple[str, Sequence[Panel]]]) -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for title, panels in rows:
        number += 1
        place = {"h": 1, "w": _GRID, "x": 0, "y": top}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        top += 1
        for index, panel in enumerate(panels):
            number += 1
            column, line = index % (_GRID // _WIDTH), index // (_GRID // _WIDTH)
            place = {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": top + line * _HEIGHT}
            yield {"id": number, **_drawn(panel), "gridPos": place}
        top += -(-len(panels) // (_GRID // _WIDTH)) * _HEIGHT


def _drawn(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red is not None:
        steps.append({"color": "red", "value": panel.red})
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _SOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend,
                "exemplar": panel.exemplars,
                "range": True,
            }
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _choice(label: str, metric: str) -> dict[str, Any]:
    query = f"label_values(callboard_{metric}, {label})"
    return {
        "name": label,
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "sort": 1,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Callboard.*",alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "step": "60s",
    }


if __name__ == "__main__":
    json.dump(board(), sys.stdout, indent=1, ensure_ascii=False)
    print()
