"""SIGKILL while jobs run: attempts are LOST, others do the work, every effect happens once or is held as UNKNOWN."""

from __future__ import annotations

import os
import signal
from types import ModuleType

import pytest

from actors.dispatch import Dispatched, Job, dispatch, dispatch_many
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers

#: The shortest lease and beat that the settings allow.
SHORTEST = {"HEARTBEAT_SECONDS": 0.1, "LEASE_SECONDS": 0.3, "RELAY_SECONDS": 0.05}
#: A lease that a busy machine keeps, and that is still over soon.
SHORT = {"HEARTBEAT_SECONDS": 0.5, "LEASE_SECONDS": 2, "RELAY_SECONDS": 0.1}


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


def test_jobs_of_a_killed_worker_are_done_by_another_with_every_effect_once(stage: Stage, play: ModuleType) -> None:
    victim = stage.start("repertoire", threads=3, settings=SHORTEST)
    jobs = [Job(play.reserve, (f"row-a-{n}", "reserve"), dispatch_key=f"reserve:{n}") for n in range(9)]
    ids = [one.job_id for one in dispatch_many(jobs)]
    until(lambda: len(set(stage.trace("reserving"))) == 3, "three jobs running")

    victim.kill()
    stage.open_gate("reserve")
    rescuer = stage.start("repertoire", threads=3, settings=SHORTEST)
    stage.await_state(ids, "succeeded")

    assert sorted(stage.trace("calls")) == sorted(f"seat:row-a-{n}" for n in range(9))
    assert stage.rows("SELECT state, count(*) FROM side_effect WHERE effect_key LIKE 'seat:row-a%' GROUP BY 1") == [
        ("CONFIRMED", 9)
    ]
    rescuer.kill()


def test_attempt_numbers_go_on_after_a_loss_and_nothing_is_spent(stage: Stage, play: ModuleType) -> None:
    victim = stage.start("repertoire", threads=2, settings=SHORT)
    ids = [one.job_id for one in dispatch_many([Job(play.linger, ("loss", f"loss-{n}")) for n in range(2)])]
    until(lambda: len(set(stage.trace("lingering")) & {"loss-0", "loss-1"}) == 2, "two jobs running")
    lost_worker = stage.value("SELECT worker_id FROM background_job WHERE id = %s", ids[0])

    os.kill(victim.pids()[0], signal.SIGKILL)
    code = victim.wait()
    stage.open_gate("loss")
    rescuer = stage.start("repertoire", threads=2, settings=SHORT)
    stage.await_state(ids, "succeeded")

    assert code == 1
    for job_id in ids:
        assert stage.attempts(job_id, "attempt, status, error_class") == [
            (1, "LOST", "WorkerLost"),
            (2, "SUCCEEDED", None),
        ]
        assert stage.job(job_id, "attempts, attempts_spent, crashes") == (2, 0, 0)
        first, second = stage.attempts(job_id, "worker_id")
        assert first == lost_worker != second
    assert stage.value("SELECT lost_at IS NOT NULL FROM worker WHERE id = %s", lost_worker)
    recovered = rescuer.lines("job_recovered")
    assert {line["job_id"] for line in recovered} == set(ids)
    assert all(line["correlation_id"] for line in recovered)
    assert stage.trace("lingered").count("loss-0") == 1
    rescuer.kill()


def test_loss_is_recovered_within_lease_two_beats_and_a_relay_period(stage: Stage, play: ModuleType) -> None:
    bystander = stage.start("repertoire", settings=SHORT, threads=1)
    blocker = dispatch(play.linger, "bound-a", "bound-a")
    until(lambda: "bound-a" in stage.trace("lingering"), "the bystander at work")
    victim = stage.start("repertoire", settings=SHORT, threads=1)
    job = dispatch(play.linger, "bound-b", "bound-b")
    until(lambda: "bound-b" in stage.trace("lingering"), "the victim at work")

    victim.kill()
    stage.open_gate("bound-a")
    stage.open_gate("bound-b")
    stage.await_state([blocker.job_id, job.job_id], "succeeded")

    silent_s = stage.value(
        "SELECT extract(epoch FROM run.finished_at - worker.heartbeat_at)::float8 FROM background_function_run AS run"
        " JOIN worker ON worker.id = run.worker_id WHERE run.job_id = %s AND run.status = 'LOST'",
        job.job_id,
    )
    assert 2.0 <= silent_s <= 2 + 2 * 0.5 + 0.1 + 1.0, "the last second is what a busy machine may take"
    assert stage.attempts(blocker.job_id) == ["SUCCEEDED"]
    bystander.kill()


def test_effect_cut_off_before_its_confirmation_is_unknown_and_never_repeated(stage: Stage, play: ModuleType) -> None:
    victim = stage.start("repertoire", settings=SHORT)
    job = dispatch(play.reserve_and_crash, "box-1")
    victim.wait()

    rescuer = stage.start("repertoire", settings=SHORT)
    stage.await_state(job.job_id, "dead")

    assert stage.trace("calls").count("seat:box-1") == 1
    assert stage.value("SELECT state FROM side_effect WHERE effect_key = 'seat:box-1'") == "UNKNOWN"
    assert stage.letter(job.job_id) == ("outcome_unknown", "OutcomeUnknown", "OPEN")
    assert stage.attempts(job.job_id, "status, verdict") == [("LOST", None), ("FAILED", "unknown")]
    until(lambda: stage.dead_in_redis() == 1, "its entry among Dramatiq's dead letters")
    rescuer.kill()


def test_effect_cut_off_is_repeated_under_its_key_where_the_provider_honours_it(stage: Stage, play: ModuleType) -> None:
    victim = stage.start("repertoire", settings=SHORT)
    job = dispatch(play.reserve_and_crash, "box-2", 600.0)
    victim.wait()

    rescuer = stage.start("repertoire", settings=SHORT)
    stage.await_state(job.job_id, "succeeded")

    assert stage.trace("calls").count("seat:box-2") == 2
    assert (stage.folder / "bookings" / "seat:box-2").read_text() == "booked\n"
    assert stage.rows("SELECT state, intents FROM side_effect WHERE effect_key = 'seat:box-2'") == [("CONFIRMED", 2)]
    assert stage.attempts(job.job_id) == ["LOST", "SUCCEEDED"]
    rescuer.kill()


def test_job_that_kills_its_worker_each_time_is_dead_as_poison(stage: Stage, play: ModuleType) -> None:
    job = dispatch(play.crash, "p")

    crashes = 0
    while crashes < 2:
        workers = stage.start("repertoire", settings=SHORTEST | {"MAX_CRASHES": 2})
        crashes += _ended_by_a_crash(workers)
    survivor = stage.start("repertoire", settings=SHORTEST | {"MAX_CRASHES": 2})
    stage.await_state(job.job_id, "dead")

    assert isinstance(job, Dispatched)
    assert stage.letter(job.job_id) == ("poison", "WorkerLost", "OPEN")
    assert stage.attempts(job.job_id) == ["LOST", "LOST"]
    survivor.kill()


def _ended_by_a_crash(workers: Workers) -> int:
    assert workers.wait() == 1
    return 1
