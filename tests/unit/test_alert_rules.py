"""deploy/prometheus: every alert has its severity, its runbook and its tests, and asks for metrics that exist."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final

import pytest
import yaml

from middleware import metrics
from tests.unit.source_tree import ROOT
from tests.unit.test_docs import anchors

FOLDER: Final = ROOT / "deploy" / "prometheus"
RUNBOOKS: Final = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

Rule = dict[str, Any]


def loaded(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def rules(name: str) -> list[Rule]:
    return [rule for group in loaded(name)["groups"] for rule in group["rules"]]


RECORDED: Final = rules("recording.yml")
ALERTS: Final = rules("alerts.yml")
CASES: Final = [case for name in ("rules_test.yml", "promise_test.yml") for case in loaded(name)["tests"]]

#: What the issue asks to be told of, by the alert that tells.
TOLD_OF: Final = {
    "backlog age": "CallboardBacklogOld",
    "no worker": "CallboardNoWorker",
    "workers lost": "CallboardWorkersLost",
    "failure ratio by actor": "CallboardFailureRatioHigh",
    "dead letters growing": "CallboardDeadLettersGrow",
    "unknown outcomes": "CallboardOutcomeUnknown",
    "windows without outcome": "CallboardWindowsWithoutOutcome",
    "enqueue failures": "CallboardEnqueueFailed",
    "emergency inline mode on": "CallboardInlineEmergency",
    "ledger slow": "CallboardLedgerSlow",
    "recovery slow": "CallboardRecoverySlow",
    "duplicate effects": "CallboardEffectDuplicated",
    "counters and rows apart": "CallboardCountersAndRowsApart",
    "a promise that breaks fast": "CallboardRepliesLateFast",
    "a promise that breaks slowly": "CallboardRepliesLateSlowly",
}


def known_series() -> set[str]:
    """Every name that a query may use: ours as Prometheus stores them, and those that are recorded."""
    known = {str(rule["record"]) for rule in RECORDED} | {f"callboard_{metrics.READING_SECONDS}"}
    known |= {f"callboard_{name}" for name, _, _ in metrics.GAUGES}
    for series in metrics.COUNTED:
        histogram = series.name.endswith(("_seconds", "_size"))
        known |= {f"{series.name}{end}" for end in ("_bucket", "_count", "_sum")} if histogram else {series.name}
    return known


def named(expression: str) -> set[str]:
    """The series of ours that an expression names."""
    return set(re.findall(r"\bcallboard[_:][\w:]+", expression))


def runbook_of(alert: str) -> str:
    return RUNBOOKS.partition(f"\n### {alert}\n")[2].partition("\n### ")[0].partition("\n## ")[0]


@pytest.mark.parametrize("subject", TOLD_OF)
def test_every_subject_of_the_issue_has_its_alert(subject: str) -> None:
    assert TOLD_OF[subject] in {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDED], ids=lambda rule: rule.get("alert") or rule["record"])
def test_rule_asks_for_series_that_exist(rule: Rule) -> None:
    assert named(rule["expr"]) - known_series() == set()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on(rule: Rule) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")

    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"].endswith(".")
    assert page == "docs/operating.md"
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(RUNBOOKS)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_runbook_leads_to_the_culprit_in_at_most_three_commands(rule: Rule) -> None:
    steps = re.findall(r"^\d\. `callboard ([^`]+)`", runbook_of(rule["alert"]), re.MULTILINE)

    assert 1 <= len(steps) <= 3
    assert any(step.startswith(("runs", "explain", "dlq show", "jobs", "tick")) for step in steps)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_alert_is_tested_firing_and_quiet(rule: Rule) -> None:
    outcomes: dict[bool, int] = defaultdict(int)
    asked = f'ALERTS{{alertname="{rule["alert"]}",alertstate="firing"}}'
    for case in CASES:
        for test in case["promql_expr_test"]:
            outcomes[bool(test["exp_samples"])] += test["expr"] == asked

    assert outcomes[True] >= 1
    assert outcomes[False] >= 1


def test_outcomes_that_nobody_knows_and_doubled_effects_page_at_once() -> None:
    at_once = {rule["alert"] for rule in ALERTS if rule["labels"]["severity"] == "page" and "for" not in rule}

    assert {"CallboardOutcomeUnknown", "CallboardEffectDuplicated"} <= at_once


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    told = set(re.findall(r"^### (Callboard\w+)$", RUNBOOKS, re.MULTILINE))

    assert told == {rule["alert"] for rule in ALERTS}


def test_query_for_a_series_that_does_not_exist_is_seen() -> None:
    assert named("sum(rate(callboard_jobs_lost_total[5m])) > callboard:nothing:max") - known_series() == {
        "callboard_jobs_lost_total",
        "callboard:nothing:max",
    }
