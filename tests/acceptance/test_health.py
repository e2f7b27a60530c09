"""Health over real HTTP beside real workers: frozen, killed, stopping, beside a second master."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.acceptance.health_pages import page, registered
from tests.acceptance.stage import Stage, free_port
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers
from tests.integration.http_cases import asked

#: Short, so that a frozen process is noticed soon (policy/health.py: three seconds at least).
LEASE = {"LEASE_SECONDS": 3}


def worker(stage: Stage, port: int, processes: int = 1, **settings: object) -> Workers:
    words = ["worker", "repertoire", "--processes", str(processes), "--threads", "2"]
    return registered(stage.command(*words, settings={"HEALTH_PORT": port, **LEASE, **settings}), processes)


@pytest.fixture(scope="module", autouse=True)
def play(stage: Stage) -> None:
    stage.bring("repertoire")


@pytest.fixture
def port(stage: Stage) -> Iterator[int]:
    """A free port; whatever was started is ended, and leaves no pulse."""
    yield free_port()
    stage.end_all()


def test_every_process_is_live_and_ready_and_named(stage: Stage, port: int) -> None:
    workers = worker(stage, port, processes=2)

    live, ready = page(port, "/live", 200), page(port, "/ready", 200)

    assert {one["pid"] for one in live["processes"]} == set(workers.pids())
    assert (live["live"], live["reasons"], ready["reasons"]) == (True, [], [])
    assert {name: one["ok"] for name, one in ready["servers"].items()} == {
        "postgresql": True,
        "schema": True,
        "redis": True,
    }
    assert {one["queues"][0] for one in ready["processes"]} == {"default"}


def test_one_process_can_be_asked_after_alone(stage: Stage, port: int) -> None:
    workers = worker(stage, port, processes=2)
    page(port, "/live", 200)
    first = workers.pids()[0]

    alone, nobody = asked(port, f"/ready?pid={first}"), asked(port, "/live?pid=1")

    assert [one["pid"] for one in alone.page["processes"]] == [first]
    assert (nobody.status, nobody.page["reasons"]) == (503, ["no worker process 1 is known"])
    assert asked(port, "/live?pid=x").status == 400


def test_frozen_process_is_not_live_until_it_goes_on(stage: Stage, port: int) -> None:
    workers = worker(stage, port, processes=2)
    page(port, "/live", 200)
    frozen = workers.pids()[0]

    os.kill(frozen, signal.SIGSTOP)
    sick = page(port, "/live", 503)
    os.kill(frozen, signal.SIGCONT)

    assert [one["pid"] for one in sick["processes"] if not one["live"]] == [frozen]
    assert sick["reasons"][0].startswith(f"process {frozen}: frozen: silent for ")
    page(port, "/live", 200)


def test_killed_health_server_comes_back_and_the_workers_never_notice(stage: Stage, port: int) -> None:
    workers = worker(stage, port)
    page(port, "/live", 200)

    os.kill(int(workers.lines("health_served")[0]["pid"]), signal.SIGKILL)
    until(lambda: len(workers.lines("health_served")) == 2, "a second server", 60.0)

    assert page(port, "/live", 200)["processes"][0]["pid"] == workers.pids()[0]
    assert not workers.ended


def test_second_master_waits_for_the_port_and_takes_it_over(stage: Stage, port: int) -> None:
    first = worker(stage, port)
    page(port, "/live", 200)
    second = worker(stage, port)
    until(lambda: second.lines("health_port_refused"), "a refused port", 60.0)

    both = page(port, "/live", 200)
    assert first.stop() == 0
    until(lambda: second.lines("health_served"), "the port taken over", 60.0)
    alone = page(port, "/live", 200)

    assert {one["pid"] for one in both["processes"]} == {*first.pids(), *second.pids()}
    assert [one["pid"] for one in alone["processes"]] == second.pids()


def test_stopping_worker_is_live_but_not_ready(stage: Stage, port: int) -> None:
    worker(stage, port)
    page(port, "/ready", 200)
    stage.broker.get_actor("linger").send("health-gate", "health")
    until(lambda: stage.trace("lingering"), "the job's start")
    (pid,) = [one["pid"] for one in page(port, "/live", 200)["processes"]]

    os.kill(pid, signal.SIGTERM)
    ready = page(port, "/ready", 503)

    assert any("stopping" in reason for reason in ready["reasons"])
    assert asked(port, "/live").status == 200
    stage.open_gate("health-gate")


def test_server_ends_with_its_master_even_when_that_is_killed(stage: Stage, port: int) -> None:
    workers = worker(stage, port)
    page(port, "/live", 200)

    master = page(port, "/live", 200)["processes"][0]["master"]
    os.kill(master, signal.SIGKILL)

    def refused() -> bool:
        try:
            asked(port, "/live")
        except ConnectionError:
            return True
        return False

    until(refused, "the end of the health server")
    for pid in workers.pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_foreign_paths_and_methods_are_refused(stage: Stage, port: int) -> None:
    worker(stage, port)
    page(port, "/live", 200)

    answers = {
        (method, path): asked(port, path, method).status
        for method, path in [("PUT", "/live"), ("POST", "/ready"), ("HEAD", "/live"), ("GET", "/"), ("GET", "/metrics")]
    }

    assert answers == {
        ("PUT", "/live"): 405,
        ("POST", "/ready"): 405,
        ("HEAD", "/live"): 200,
        ("GET", "/"): 404,
        ("GET", "/metrics"): 404,
    }


def test_servers_that_take_a_connection_and_say_nothing_are_told_of_in_time(stage: Stage, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        stage.command(
            "serve",
            settings={
                "HEALTH_PORT": port,
                "DATABASE_URL": f"postgresql://nobody@{host}/x",
                "REDIS_URL": f"redis://{host}/0",
            },
        )
        page(port, "/live", 200)
        began_s = time.monotonic()
        answers = [asked(port, "/ready") for _ in range(5)]
        took_s = time.monotonic() - began_s

    assert {answer.status for answer in answers} == {503}
    assert set(answers[0].page["servers"]) == {"postgresql", "schema", "redis"}
    assert not any(one["ok"] for one in answers[-1].page["servers"].values())
    assert took_s < 15  # each waits for 0.7 s, however busy this machine is
