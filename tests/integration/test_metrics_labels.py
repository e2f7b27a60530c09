"""What stands beside the numbers: attempts in exemplars, and labels that stay few and on one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.metrics_host import Host, until


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with ExitStack() as processes:
        yield Host(tmp_path, processes)


def test_slowest_attempt_of_a_bucket_is_named_beside_it(host: Host) -> None:
    counting = host.counting(
        "metrics.attempts_took('act', 'mail', [0.002, 0.2], 'act:01a2:3');"
        " metrics.attempts_opened('act', 'mail', [40.0], 'act:01a2:3')"
    )
    host.serving()
    until(host.page)

    lines = exemplars_of(host)
    counting.kill()
    counting.wait()
    after = exemplars_of(host)

    assert lines == {
        'callboard_attempt_duration_seconds_bucket{actor="act",le="0.25",queue="mail"}': '{run_key="act:01a2:3"} 0.2',
        'callboard_queue_wait_seconds_bucket{actor="act",le="60.0",queue="mail"}': '{run_key="act:01a2:3"} 40.0',
    }
    assert after == lines, "what a killed process had said stays"


def exemplars_of(host: Host) -> dict[str, str]:
    """Bucket to exemplar without its time, as OpenMetrics has them."""
    body = host.get(accept="application/openmetrics-text; version=1.0.0")[2]
    marked = [line.partition(" # ") for line in body.splitlines() if " # " in line]
    return {sample.rpartition(" ")[0]: exemplar.rpartition(" ")[0] for sample, _, exemplar in marked}


def test_ten_thousand_clients_and_sources_are_a_page_of_bounded_length(host: Host) -> None:
    host.counting(
        "[(metrics.job_finished('act', 'succeeded', f'c{n}\\n\\u202e'), metrics.job_dispatched('act', f's{n}\\r'))"
        " for n in range(10_000)]"
    )
    host.serving()

    page = until(host.page)

    ours = [line for line in page.splitlines() if line.startswith("callboard_jobs_")]
    assert len(ours) == len([line for line in page.split("\n") if line.startswith("callboard_jobs_")])
    assert len(ours) <= 2 * 51 + 2 * 21
    numbers = host.numbers()
    assert numbers["callboard_jobs_finished_by_client_total"] == 10_000
    assert numbers["callboard_jobs_dispatched_total"] == 10_000
