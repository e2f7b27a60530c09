"""PostgreSQL stopped for ten seconds in mid-run: nothing starts, nothing is acked, nobody is blamed, all gets done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import psycopg2
import pytest

from actors.dispatch import Job, dispatch, dispatch_many
from servers import embedded
from tests.acceptance.stage import Stage, fresh_stage
from tests.acceptance.waiting import always, until

AWAY_S = 10.0
LEASE_S, BEAT_S = 3.0, 0.5
SETTINGS = {"LEASE_SECONDS": LEASE_S, "HEARTBEAT_SECONDS": BEAT_S}


@pytest.fixture
def stage(breakable: embedded.Servers, tmp_path: Path) -> Iterator[Stage]:
    with fresh_stage(tmp_path, breakable.database_url, breakable.redis_url) as stage:
        yield stage


@pytest.fixture
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


@contextmanager
def away(servers: embedded.Servers) -> Iterator[None]:
    """PostgreSQL is stopped during the block, and started after it whatever happens."""
    servers.postgres.stop()
    try:
        yield
    finally:
        servers.postgres.start()


def test_ten_seconds_without_postgres_cost_nothing(stage: Stage, play: ModuleType, breakable: embedded.Servers) -> None:
    workers = stage.start("repertoire", processes=2, threads=2, settings=SETTINGS)
    ids = [one.job_id for one in dispatch_many([Job(play.step_on, (f"p{n}", 30)) for n in range(150)])]
    until(lambda: len(stage.trace("stepped")) >= 40, "the middle of the run")

    with away(breakable):
        gone_s = time.monotonic()
        workers.await_line("finish_waits")
        until(lambda: _lease_is_over(workers.lines("beat_failed")), "the leases' end")
        started, copies = stage.trace("stepping"), stage.in_redis()
        always(
            lambda: (stage.trace("stepping"), stage.in_redis()) == (started, copies),
            "nothing starts and nothing is acked",
            gone_s + AWAY_S - time.monotonic(),
        )
        with pytest.raises(psycopg2.OperationalError):
            dispatch(play.step_on, "in-vain")
    stage.await_state(ids, "succeeded")

    assert Counter(stage.trace("stepped")) == Counter(f"p{n}" for n in range(150))
    assert 0 < len(started) < 150
    assert stage.value("SELECT count(*) FROM worker WHERE lost_at IS NOT NULL") == 0
    assert stage.value("SELECT count(*) FROM worker") == 2
    spent = stage.rows("SELECT sum(attempts_spent), sum(crashes), sum(throttles) FROM background_job")
    assert spent == [(0, 0, 0)]
    statuses: dict[str, int] = dict(stage.rows("SELECT status, count(*) FROM background_function_run GROUP BY 1"))
    assert statuses.pop("SUCCEEDED") == 150
    assert set(statuses) <= {"CANCELLED"}, "claims that no thread had started go back"
    assert stage.value("SELECT count(*) FROM dead_letter") == 0
    until(lambda: stage.in_redis() == 0, "all copies acked")


def test_claims_in_hand_do_not_start_once_the_lease_cannot_be_renewed(
    stage: Stage, play: ModuleType, breakable: embedded.Servers
) -> None:
    workers = stage.start("repertoire", threads=2, settings={"LEASE_SECONDS": 1.5, "HEARTBEAT_SECONDS": 0.5})
    running = [one.job_id for one in dispatch_many([Job(play.linger, ("lease", f"lease-{n}")) for n in range(2)])]
    until(lambda: len(stage.trace("lingering")) == 2, "both threads busy")
    waiting = [one.job_id for one in dispatch_many([Job(play.greet, (f"waiting-{n}",)) for n in range(6)])]
    stage.await_state(waiting, "running")

    with away(breakable):
        workers.await_line("beat_failed", times=4)
        stage.open_gate("lease")
        until(lambda: len(stage.trace("lingered")) == 2, "both threads free")
        always(lambda: not stage.trace("greeted"), "none of the claims in hand starts", for_s=2)
    stage.await_state([*running, *waiting], "succeeded")

    assert sorted(stage.trace("greeted")) == [f"waiting-{n}" for n in range(6)]
    assert stage.value("SELECT sum(attempts_spent) FROM background_job") == 0


def test_worker_started_without_postgres_begins_work_when_it_comes(
    stage: Stage, play: ModuleType, breakable: embedded.Servers
) -> None:
    with away(breakable):
        workers = stage.start("repertoire", ready=False, settings=SETTINGS)
        message = play.greet.send("early")
        workers.await_line("beat_failed", times=2)
        ran_early = stage.trace("greeted")

    until(lambda: stage.trace("greeted"), "the run")
    stage.await_state(message.message_id, "succeeded")

    assert ran_early == []
    assert stage.attempts(message.message_id) == ["SUCCEEDED"]


def test_worker_stops_in_time_while_postgres_is_away_and_leaves_its_copies_to_others(
    stage: Stage, play: ModuleType, breakable: embedded.Servers
) -> None:
    workers = stage.start("repertoire", settings=SETTINGS)
    # Before its first beat a worker fetches nothing.
    until(lambda: stage.value("SELECT bool_or(heartbeat_at > started_at + interval '0.2 s') FROM worker"), "a beat")

    with away(breakable):
        messages = [play.greet.send(f"late-{n}") for n in range(3)]
        # Where the machine is slow the lease is over first, and then nothing is fetched any more.
        until(
            lambda: workers.lines("claim_waits") or _lease_is_over(workers.lines("beat_failed")),
            "a claim that waits, or none that is tried",
        )
        code = workers.stop(within_s=12)
    stage.start("repertoire", settings=SETTINGS)
    until(lambda: len(stage.trace("greeted")) == 3, "the others' work")
    stage.await_state([one.message_id for one in messages], "succeeded")

    assert code == 0
    assert sorted(stage.trace("greeted")) == ["late-0", "late-1", "late-2"]


def test_effect_that_meets_the_outage_spends_nothing(
    stage: Stage, play: ModuleType, breakable: embedded.Servers
) -> None:
    workers = stage.start("repertoire", settings=SETTINGS)
    job = dispatch(play.reserve_once_tried, "outage")
    until(lambda: stage.trace("reserving"), "the actor before its effect")

    with away(breakable):
        stage.open_gate("outage")
        workers.await_line("finish_waits")
    stage.await_end(job.job_id)

    assert stage.job(job.job_id, "state, attempts_spent") == ("succeeded", 0)
    assert stage.trace("calls") == ["seat:outage"]


def _lease_is_over(failed_beats: list[dict[str, object]]) -> bool:
    """Whether each process has missed beats for a whole lease."""
    times = Counter(line["pid"] for line in failed_beats)
    return len(times) == 2 and min(times.values()) >= LEASE_S / 0.5
