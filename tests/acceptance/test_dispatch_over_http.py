"""`POST /dispatch` with real ticks: one window whoever asks, its outcome as a status, and `callboard serve` alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.health_pages import page
from tests.acceptance.stage import Stage, free_port
from tests.acceptance.worker_processes import Workers
from tests.integration.http_cases import Answered, asked

SECRET = "open sesame"
PLACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#: So long a window that no test meets its end by chance more than once.
HOUR = {"CRON_SECRET": SECRET, "DISPATCH_WINDOW_SECONDS": 3_600}


@pytest.fixture
def port(stage: Stage) -> Iterator[int]:
    """A free port, and a ledger without windows."""
    stage.rows("DELETE FROM background_dispatch_window")
    stage.rows("UPDATE background_job SET holds_key = false, state = 'cancelled', finished_at = now()")
    yield free_port()
    stage.end_all()


def serve(stage: Stage, port: int, **settings: object) -> Workers:
    serving = stage.command("serve", settings={"HEALTH_PORT": port, **HOUR, **settings})
    page(port, "/live", 200)
    return serving


def post(port: int, **headers: str) -> Answered:
    return asked(port, "/dispatch", "POST", b'{"source": "cloud"}', Authorization=f"Bearer {SECRET}", **headers)


def test_posts_at_the_same_time_enqueue_one_window_and_the_next_one_is_suppressed(stage: Stage, port: int) -> None:
    serving = serve(stage, port)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(port, traceparent=PLACE), range(6)))
    later = post(port)

    assert {(answer.status, answer.page["mode"]) for answer in answers} <= {
        (202, "enqueued"),
        (200, "duplicate_suppressed"),
    }
    assert (later.status, later.page["mode"]) == (200, "duplicate_suppressed")
    assert stage.rows("SELECT count(*), min(source), min(status) FROM background_dispatch_window") == [
        (1, "cloud", "ENQUEUED")
    ]
    assert stage.rows("SELECT DISTINCT traceparent FROM background_job WHERE state <> 'cancelled'") == [(PLACE,)]
    assert serving.stop() == 0


def test_window_that_cannot_be_enqueued_is_503_and_kept(stage: Stage, port: int) -> None:
    serve(stage, port, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")

    answer = post(port)

    assert (answer.status, answer.page["mode"], answer.page["status"]) == (503, "enqueue_failed", "ENQUEUE_FAILED")
    assert asked(port, "/ready").page["servers"]["redis"]["ok"] is False


def test_tick_that_runs_its_jobs_here_is_200(stage: Stage, port: int) -> None:
    serve(stage, port, FORCE_INLINE="on")

    answer = post(port)

    assert (answer.status, answer.page["mode"]) == (200, "inline_forced")
    assert answer.page["inline"]["succeeded"] >= 2


def test_ledger_that_is_away_is_503_without_its_address(stage: Stage, port: int) -> None:
    serve(stage, port, DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/x")

    answer = post(port)

    assert (answer.status, answer.page["mode"]) == (503, None)
    assert b"127.0.0.1" not in answer.body


def test_taken_port_ends_serve_with_one_line(stage: Stage, port: int) -> None:
    serve(stage, port)

    second = stage.command("serve", settings={"HEALTH_PORT": port})

    assert second.wait(60) == 1
    assert second.text.strip().splitlines() == [
        f"callboard: cannot listen on port {port} (Address already in use): name another one with --port"
    ]
