"""Prometheus's own checker is content with rules, their tests, the scrape configuration and a page of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.metrics_host import Host, until
from tests.tools import answer, tool
from tests.unit.source_tree import ROOT

FOLDER = ROOT / "deploy" / "prometheus"

#: A count of everything that hostile callers can name, and of every type.
COUNTS = """
for number in range(200): metrics.job_dispatched("act", f"s{number}"); metrics.job_finished("act", "dead", f"c{number}")
metrics.job_dispatched('a"b\\\\c', "x\\ny\\r\\u2028z\\u202e")
metrics.attempts_took("act", "mail", [0.2], "act:1:1"); metrics.ledger_timed("claim", 0.01, 3); metrics.recovered(3)
metrics.progress_started("act", "mail"); metrics.show_progress(); metrics.reply_sent(3); metrics.worker_lost()
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with ExitStack() as processes:
        yield Host(tmp_path, processes)


@pytest.mark.parametrize("name", ["recording.yml", "alerts.yml"])
def test_rules_are_valid(name: str) -> None:
    checked = answer(tool("promtool"), "check", "rules", "--lint-fatal", str(FOLDER / name))

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", ["rules_test.yml", "promise_test.yml"])
def test_alerts_fire_when_they_should_and_are_quiet_when_not(name: str) -> None:
    tested = answer(tool("promtool"), "test", "rules", str(FOLDER / name))

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_scrape_configuration_is_valid() -> None:
    checked = answer(tool("promtool"), "check", "config", str(FOLDER / "prometheus.yml"))

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_page_is_valid_whatever_was_counted(host: Host) -> None:
    promtool = tool("promtool")
    host.counting(f"exec({COUNTS!r})")
    host.serving()
    page = until(host.page)

    checked = answer(promtool, "check", "metrics", stdin=page)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stderr == ""
