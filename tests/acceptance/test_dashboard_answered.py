"""A real Prometheus scrapes a real run, and every panel of the dashboard has something to show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import pytest

from actors.dispatch import Job, dispatch, dispatch_many
from deploy.grafana.board import board
from tests.acceptance.prometheus_server import Prometheus, scraping
from tests.acceptance.stage import Stage, free_port
from tests.acceptance.waiting import until

#: A lease that a busy machine keeps, and that is still over soon.
SHORT: Final = {"HEARTBEAT_SECONDS": 0.5, "LEASE_SECONDS": 2, "RELAY_SECONDS": 0.1}
PANELS: Final = [panel for panel in board()["panels"] if panel["type"] != "row"]

#: Queries that are rightly empty after a run in which nothing of the kind has happened, and why.
EMPTY: Final = {
    "callboard_stale_writes_rejected_total": "no paused worker came back",
    "callboard_hook_failures_total": "no hook has failed",
    "callboard_guardrail_refusals_total": "no reply was written, so none was refused",
    "callboard:replies_bad:ratio_rate1h": "no reply was due",
    "callboard:replies_bad:ratio_rate3d": "no reply was due",
    "callboard_reply_lateness_seconds_bucket": "no reply was due",
}


@pytest.fixture(scope="module")
def prometheus(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has watched a run of two masters, one of them killed, and a scheduler."""
    port = free_port()
    play = stage.bring("repertoire")
    settings = {**SHORT, "METRICS_PORT": port}
    workers = stage.command("worker", "repertoire", settings=settings)
    until(workers.pids, "the worker's registration", 60)
    with scraping(port, tmp_path_factory.mktemp("prometheus") / "server") as server:
        _work(stage, play, settings)
        yield server
    workers.kill()


def _work(stage: Stage, play: Any, settings: dict[str, Any]) -> None:
    """Something of every kind, the worst included."""
    stage.command("tick", "--every", "1", settings=settings)
    ids = [dispatch(play.hand_out, 6, client_id="acme").job_id]
    ids += [
        one.job_id for one in dispatch_many([Job(play.step_on, (f"p{n}", 20), client_id="acme") for n in range(40)])
    ]
    ids += [dispatch(play.reserve, f"seat-{number}").job_id for number in range(3)]
    ids += [dispatch(play.decide, what, f"d-{what}").job_id for what in ("terminal", "unknown", "throttled")]
    ids.append(dispatch(play.never_work, "never", client_id="acme").job_id)
    copy = play.greet.message("twice")
    for _ in range(2):
        stage.broker.enqueue(copy)
    _lose_a_worker(stage, play, settings)
    stage.await_end(ids, within_s=60)
    waiting = dispatch(play.step_on, "waits", delay_ms=3_600_000).job_id
    stage.rows("UPDATE background_job SET queue = 'nowhere', run_at = clock_timestamp() WHERE id = %s", UUID(waiting))


def _lose_a_worker(stage: Stage, play: Any, settings: dict[str, Any]) -> None:
    victim = stage.start("repertoire", threads=1, ready=False, settings=settings)
    until(victim.pids, "the victim's registration", 60)
    ids = [one.job_id for one in dispatch_many([Job(play.linger, ("gate", f"l{n}")) for n in range(12)])]
    pid = victim.pids()[0]
    until(
        lambda: stage.value("SELECT count(*) FROM background_function_run WHERE pid = %s AND status = 'RUNNING'", pid),
        "a job in the victim's hand",
        60,
    )
    victim.kill()
    stage.open_gate("gate")
    stage.await_end(ids, within_s=60)


def filled_in(query: str) -> str:
    """A panel's query as Grafana sends it, everything chosen."""
    return query.replace("$__rate_interval", "1m").replace("$actor", ".*").replace("$client", ".*")


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_query_of_a_panel_is_answered_with_data(prometheus: Prometheus, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        query = filled_in(target["expr"])
        if any(name in query for name in EMPTY):
            prometheus.values(query)
            continue
        until(lambda query=query: prometheus.values(query), f"an answer to {query}", 60)  # type: ignore[misc]


def test_exemplars_lead_from_a_bucket_to_its_attempt(stage: Stage, prometheus: Prometheus) -> None:
    def run_keys() -> set[str]:
        found = prometheus.ask(
            "/api/v1/query_exemplars",
            query="callboard_attempt_duration_seconds_bucket",
            start="2020-01-01T00:00:00Z",
            end="2100-01-01T00:00:00Z",
        )
        return {one["labels"]["run_key"] for series in found for one in series["exemplars"]}

    keys = until(run_keys, "exemplars", 60)

    known = {key for (key,) in stage.rows("SELECT run_key FROM background_function_run")}
    assert keys <= known


def test_alerts_of_what_happened_fire_and_others_do_not(prometheus: Prometheus) -> None:
    until(lambda: "CallboardWorkersLost" in prometheus.alerts(), "the alert of the lost worker", 60)

    assert prometheus.alerts() <= {"CallboardWorkersLost", "CallboardOutcomeUnknown"}
