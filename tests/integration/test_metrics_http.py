"""The endpoint adds up real processes over real HTTP, and outlives what goes wrong around it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from middleware import metrics
from tests.integration.metrics_host import DEADLINE_S, SERVING, Host, end, held, log_line, until


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with ExitStack() as processes:
        yield Host(tmp_path, processes)


def test_page_declares_every_metric_before_anything_is_counted(host: Host) -> None:
    host.serving()

    page = until(host.page)

    assert [one.family.name for one in metrics.COUNTED if f"# TYPE {one.name} {one.family.type}\n" not in page] == []


def test_page_is_the_sum_of_processes(host: Host) -> None:
    for _ in range(2):
        host.counting("metrics.attempts_closed('act', 'mail', 'FAILED'); metrics.attempts_took('act', 'mail', [0.2])")

    host.serving()

    numbers = host.numbers()
    assert numbers["callboard_attempts_total"] == 2
    assert numbers["callboard_attempt_duration_seconds_count"] == 2


def test_killed_process_keeps_its_counts_and_loses_its_gauges(host: Host) -> None:
    busy = "metrics.job_dispatched('act', 'api'); metrics.progress_started('act', 'mail'); metrics.show_progress()"
    killed = host.counting(busy)
    host.counting(busy)
    host.serving()
    before = host.numbers()

    killed.kill()
    killed.wait()
    after = host.numbers()

    assert (before["callboard_jobs_dispatched_total"], before["callboard_jobs_in_progress"]) == (2, 2)
    assert (after["callboard_jobs_dispatched_total"], after["callboard_jobs_in_progress"]) == (2, 1)


def test_counts_go_on_where_a_restart_left_them(host: Host, tmp_path: Path) -> None:
    for _ in range(3):
        end(host.counting("metrics.job_dispatched('act', 'api'); metrics.recovered(12)"))
    host.serving()

    first, second = host.numbers(), host.numbers()

    assert first["callboard_jobs_dispatched_total"] == 3
    assert first["callboard_recovery_seconds_sum"] == 36
    assert second == first
    assert len(list(tmp_path.glob("metrics/v1/*_archive-*.db"))) == 2
    assert len(list(tmp_path.glob("metrics/v1/*.db"))) == 4, "and those of the endpoint itself"


def test_counts_of_children_of_a_fork_are_their_own(host: Host) -> None:
    host.counting(
        "import os; metrics.job_dispatched('act', 'api'); child = os.fork(); "
        "metrics.job_dispatched('act', 'api'); child or os._exit(0); os.waitpid(child, 0)"
    )
    host.serving()

    assert host.numbers()["callboard_jobs_dispatched_total"] == 3


def test_only_the_first_clients_of_a_host_have_series_of_their_own(host: Host) -> None:
    half = "[metrics.job_finished('act', 'succeeded', f'{side}{{n}}') for n in range(40)]"
    host.counting(half.replace("{side}", "a").replace("{{n}}", "{n}"))
    host.counting(half.replace("{side}", "b").replace("{{n}}", "{n}"))
    host.serving()

    page = until(host.page)

    by_client = [line for line in page.splitlines() if line.startswith("callboard_jobs_finished_by_client_total{")]
    others = [line for line in by_client if 'client="other"' in line]
    assert len(by_client) == 51
    assert [line.rsplit(" ", 1)[1] for line in others] == ["30.0"]


def test_folder_that_cannot_be_written_costs_numbers_only(host: Host, tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("in the way")

    counting = host.counting(
        "from middleware import logs; logs.configure_from_environment(); metrics.job_dispatched('act', 'api')"
    )

    assert log_line(counting, "metrics_not_counted")["level"] == "WARNING"


@pytest.mark.parametrize(
    ("accept", "content_type", "last"),
    [
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", "# EOF"),
        ("*/*", "text/plain", None),
    ],
    ids=["openmetrics", "plain"],
)
def test_format_is_the_one_asked_for(host: Host, accept: str, content_type: str, last: str | None) -> None:
    host.counting("metrics.job_dispatched('act', 'api')")
    host.serving()
    until(host.page)

    status, given, body = host.get(accept=accept)

    assert status == 200
    assert given.startswith(content_type)
    assert 'callboard_jobs_dispatched_total{actor="act",source="api"} 1.0' in body
    assert (body.splitlines()[-1] == "# EOF") == (last is not None)


def test_other_paths_are_not_found(host: Host) -> None:
    host.serving()
    until(host.page)

    assert host.get("/")[0] == 404


def test_ledger_that_cannot_be_read_leaves_the_counts(host: Host) -> None:
    host.counting("metrics.job_dispatched('act', 'api')")
    host.serving(read="lambda: 1 / 0")

    numbers = host.numbers()

    assert numbers["callboard_ledger_readable"] == 0
    assert numbers["callboard_jobs_dispatched_total"] == 1


def test_torn_file_is_set_aside(host: Host, tmp_path: Path) -> None:
    host.counting("metrics.job_dispatched('act', 'api')")
    (tmp_path / "metrics/v1/counter_99999999-1.db").write_bytes(b"\xff\x00\x00\x00\x00\x00\x00\x00torn")
    host.serving()

    assert host.numbers()["callboard_jobs_dispatched_total"] == 1


def test_scrape_that_fails_is_a_500_and_the_next_one_works(host: Host, tmp_path: Path) -> None:
    serving = host.serving()
    until(host.page)
    folder = tmp_path / "metrics"
    folder.rename(tmp_path / "away")
    folder.write_text("in the way")

    status, _, body = host.get()
    folder.unlink()
    again, _, _ = host.get()

    assert (status, again) == (500, 200)
    assert body.count("\n") == 1
    assert log_line(serving, "scrape_failed")["level"] == "ERROR"


def test_taken_port_is_waited_for(host: Host) -> None:
    with held(host.port):
        serving = host.serving()
        refused = log_line(serving, "metrics_port_refused")

    assert refused["port"] == host.port
    assert until(host.page) is not None


def test_endpoint_ends_cleanly_on_sigterm(host: Host) -> None:
    serving = host.serving()
    until(host.page)

    serving.send_signal(signal.SIGTERM)
    _, written = serving.communicate(timeout=DEADLINE_S)

    assert serving.returncode == 0
    assert [json.loads(line)["event"] for line in written.splitlines()] == ["metrics_served"]


def test_endpoint_ends_with_a_parent_that_was_killed(host: Host) -> None:
    serve = SERVING.format(read="None")
    parent = host.start(
        "-c",
        f"import os, sys; child = os.fork()\nif child: print(child, flush=True); sys.stdin.read()\nelse: {serve}",
    )
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    host.kill_in_the_end(orphan)
    until(host.page)

    parent.kill()
    parent.wait()

    until(lambda: True if host.page() is None else None)


def test_port_nought_serves_nowhere(host: Host) -> None:
    serving = host.start("-c", SERVING.format(read="None"), CALLBOARD_METRICS_PORT="0")

    serving.communicate(timeout=DEADLINE_S)

    assert serving.returncode == 0


def test_endpoint_that_was_killed_is_put_up_again(host: Host) -> None:
    host.counting("metrics.job_dispatched('act', 'api')")
    serving = host.serving()
    until(host.page)
    (child,) = children(serving.pid)

    os.kill(child, signal.SIGKILL)
    ended = log_line(serving, "metrics_endpoint_ended")

    assert ended["status"] == -signal.SIGKILL
    assert host.numbers()["callboard_jobs_dispatched_total"] == 1
    assert children(serving.pid) != [child]


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_series_that_alerts_ask_for_are_there_before_anything_happened(host: Host) -> None:
    host.serving()

    numbers = host.numbers()

    assert numbers["callboard_workers_lost_total"] == 0
    assert numbers["callboard_dispatch_windows_total"] == 0
    assert numbers["callboard_recovery_seconds_count"] == 0
    assert numbers["callboard_reply_lateness_seconds_count"] == 0


def test_server_that_hangs_leaves_a_page_in_time(host: Host) -> None:
    read = "__import__('tests.integration.metrics_host', fromlist=['x']).reading_that_hangs()"
    host.counting("metrics.job_dispatched('act', 'api')")
    host.serving(read=read)

    pages = [host.numbers() for _ in range(3)]

    assert [page["callboard_ledger_readable"] for page in pages] == [0, 0, 0]
    assert pages[-1]["callboard_jobs_dispatched_total"] == 1


APPLICATION: Final = """
import dramatiq
from dramatiq.brokers.stub import StubBroker
from middleware import logs
from middleware.correlation import Correlation
from middleware.metrics_fork import Metrics

def setup():
    logs.configure_from_environment()
    dramatiq.set_broker(StubBroker(middleware=[Correlation(), Metrics()]))
"""


def test_plain_dramatiq_brings_the_endpoint_and_our_log_lines(host: Host, tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    master = host.start(
        *("-m", "dramatiq", "application:setup", "--processes", "1", "--threads", "1", "--path", str(tmp_path))
    )
    until(host.page)

    master.send_signal(signal.SIGTERM)
    _, written = master.communicate(timeout=DEADLINE_S)

    ours = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert master.returncode == 0
    assert "metrics_served" in {line["event"] for line in ours}
    assert "Worker process is ready for action." in {line.get("message") for line in ours}
