"""Lost workers: who may declare them, what becomes of their jobs, and who is blamed."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import recovery
from middleware.started_slots import StartedSlots, read_started
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger import workers
from models.ledger.claim import Claimed, Holder
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish, mark_started, uncount_crashes
from models.ledger.release import release_due
from tests.broker_cases import acting_process
from tests.ledger_cases import (
    DEDUPE_S,
    attempts_of,
    claimed,
    dispatched,
    in_threads,
    job_row,
    lose,
    registered,
    state_of,
    success,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process whose beats had no gap for a whole lease."""
    process = acting_process(StubBroker())
    lease_s, beat_s = process.settings.lease_s, process.settings.heartbeat_s
    process._beats_s.clear()
    now_s = time.monotonic()
    for number in range(int(lease_s / beat_s) + 1, -1, -1):
        process.beaten(now_s - number * beat_s)
    return process


def silent(process: WorkerProcess, host: str | None = None, seconds: float | None = None) -> Holder:
    """A worker that has not beaten for longer than the lease."""
    holder = registered(host or process.holder.host)
    query(
        "UPDATE worker SET heartbeat_at = heartbeat_at - make_interval(secs => %s) WHERE id = %s",
        (seconds or process.settings.lease_s + 1, holder.id),
    )
    return holder


def slots_of(process: WorkerProcess, holder: Holder) -> StartedSlots:
    """The file in which that worker of this host says what it runs."""
    return StartedSlots(process.slots_folder, holder.id)


def run_again(holder: Holder, job: Wanted) -> Claimed:
    """A new claim on a job that came back."""
    (released,) = release_due("default", 1)
    return claimed(holder, job, released.release)


def test_silent_workers_job_is_pending_again_and_its_attempt_lost(process: WorkerProcess) -> None:
    holder, job = silent(process), dispatched("k")
    claimed(holder, job)

    recovery.recover(process)

    assert job_row(job.id, "state", "release", "worker_id", "holds_key", "attempts_spent", "crashes") == (
        "pending",
        2,
        None,
        True,
        0,
        0,
    )
    assert attempts_of(job.id) == ["LOST"]
    assert query("SELECT lost_at IS NOT NULL FROM worker WHERE id = %s", (holder.id,)) == [(True,)]


def test_worker_within_its_lease_is_not_lost(process: WorkerProcess) -> None:
    holder, job = silent(process, seconds=process.settings.lease_s - 2), dispatched()
    claimed(holder, job)

    recovery.recover(process)

    assert state_of(job.id) == "running"


def test_stopped_worker_is_not_lost(process: WorkerProcess) -> None:
    holder = silent(process)
    workers.stop(holder.id)

    recovery.recover(process)

    assert query("SELECT lost_at FROM worker WHERE id = %s", (holder.id,)) == [(None,)]


@pytest.mark.parametrize("gap_beats", [pytest.param(3, id="a gap"), pytest.param(None, id="too young")])
def test_relay_that_has_itself_beaten_with_a_gap_declares_nobody_lost(
    process: WorkerProcess, gap_beats: int | None
) -> None:
    # After an outage of the database every worker has been silent; so has this one.
    holder, job = silent(process), dispatched()
    claimed(holder, job)
    beats = list(process._beats_s)
    process._beats_s.clear()
    process._beats_s.extend([beats[0], *beats[gap_beats:]] if gap_beats else beats[-2:])

    recovery.recover(process)

    assert state_of(job.id) == "running"


def test_loss_that_another_relay_declared_is_recovered_by_a_young_one() -> None:
    process = acting_process(StubBroker())
    holder, job = registered(process.holder.host), dispatched()
    claimed(holder, job)
    lose(holder)

    recovery.recover(process)

    assert state_of(job.id) == "pending"


def test_worker_of_another_host_is_left_to_that_host_for_some_seconds(process: WorkerProcess) -> None:
    holder, job = registered("elsewhere"), dispatched()
    claimed(holder, job)
    lose(holder)

    recovery.recover(process)
    before = state_of(job.id)
    query("UPDATE worker SET lost_at = lost_at - interval '4 seconds' WHERE id = %s", (holder.id,))
    recovery.recover(process)

    assert (before, state_of(job.id)) == ("running", "pending")


def test_two_recoveries_at_once_recover_each_job_once(process: WorkerProcess) -> None:
    holder = registered()
    jobs = [dispatched() for _ in range(20)]
    for job in jobs:
        claimed(holder, job)
    lose(holder)

    counts = in_threads(
        [
            lambda: len(workers.recover_jobs(holder.id, crashed=[jobs[0].id], suspects=[], max_crashes=3, limit=100))
            for _ in range(4)
        ]
    )

    assert sorted(counts) == [0, 0, 0, 20]
    assert job_row(jobs[0].id, "crashes", "release") == (1, 2)


def test_only_what_had_started_is_blamed(process: WorkerProcess) -> None:
    holder = silent(process)
    started, waiting = dispatched(), dispatched()
    claim = claimed(holder, started)
    claimed(holder, waiting)
    slots_of(process, holder).write(started.id, claim.fence)

    recovery.recover(process)

    assert job_row(started.id, "state", "crashes", "suspect") == ("pending", 1, True)
    assert job_row(waiting.id, "state", "crashes", "suspect") == ("pending", 0, False)
    assert read_started(process.slots_folder, holder.id) is None


def test_several_that_ran_together_are_suspects_and_none_is_counted(process: WorkerProcess) -> None:
    holder, jobs = silent(process), [dispatched() for _ in range(2)]
    slots = [slots_of(process, holder)]
    for job in jobs:
        claim = claimed(holder, job)
        in_threads([lambda job=job, claim=claim: slots[0].write(job.id, claim.fence)])  # type: ignore[misc]

    recovery.recover(process)

    assert [job_row(job.id, "crashes", "suspect") for job in jobs] == [(0, True), (0, True)]


def test_all_that_a_lost_host_had_in_hand_are_suspects(process: WorkerProcess) -> None:
    holder, jobs = registered("elsewhere"), [dispatched() for _ in range(2)]
    for job in jobs:
        claimed(holder, job)
    query("UPDATE worker SET lost_at = now() - interval '1 minute' WHERE id = %s", (holder.id,))

    recovery.recover(process)

    assert [job_row(job.id, "crashes", "suspect") for job in jobs] == [(0, True), (0, True)]


def test_suspect_whose_start_was_committed_counts_on_a_lost_host(process: WorkerProcess) -> None:
    holder, suspect, waiting = registered("elsewhere"), dispatched(), dispatched()
    query("UPDATE background_job SET suspect = true WHERE id = %s", (suspect.id,))
    claim = claimed(holder, suspect)
    claimed(holder, waiting)
    assert claim.suspect
    mark_started([(claim, 0.1)])
    query("UPDATE worker SET lost_at = now() - interval '1 minute' WHERE id = %s", (holder.id,))

    recovery.recover(process)

    assert job_row(suspect.id, "crashes", "suspect") == (1, True)
    assert job_row(waiting.id, "crashes", "suspect") == (0, False)


def test_finish_clears_the_suspicion() -> None:
    holder, job = registered(), dispatched()
    query("UPDATE background_job SET suspect = true, crashes = 2")

    finish(holder.id, [success(claimed(holder, job))], dedupe_s=DEDUPE_S)

    assert job_row(job.id, "suspect", "crashes") == (False, 2)


def test_job_at_its_crash_limit_dies_of_poison_with_a_letter(process: WorkerProcess) -> None:
    job = dispatched("k", client_id="c1", payload=b"envelope")
    for crash in range(1, 4):
        holder = silent(process)
        claim = claimed(holder, job) if crash == 1 else run_again(holder, job)
        slots_of(process, holder).write(job.id, claim.fence)
        recovery.recover(process)

    assert job_row(job.id, "state", "crashes", "holds_key", "finished_at IS NOT NULL") == ("dead", 3, False, True)
    assert attempts_of(job.id) == ["LOST", "LOST", "LOST"]
    columns = "job_id, reason, error_class, client_id, resolution, payload"
    ((*letter, payload),) = query(f"SELECT {columns} FROM dead_letter")
    assert letter == [job.id, "poison", "WorkerLost", "c1", "OPEN"]
    assert bytes(payload) == b"envelope"


def lost_with_a_crash(process: WorkerProcess, job: Wanted) -> tuple[Holder, Claimed]:
    """A worker that was running `job` when it was declared lost: one crash is counted."""
    holder = silent(process)
    claim = claimed(holder, job)
    slots_of(process, holder).write(job.id, claim.fence)
    recovery.recover(process)
    assert job_row(job.id, "crashes") == (1,)
    return holder, claim


def test_lost_holder_that_reports_again_was_no_crash(process: WorkerProcess) -> None:
    job = dispatched()
    holder, claim = lost_with_a_crash(process, job)

    for _ in range(2):
        finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)

    assert job_row(job.id, "crashes", "suspect", "state") == (0, False, "pending")
    assert query("SELECT rule, late_status FROM background_function_run") == [("returned", "SUCCEEDED")]


def test_crash_is_taken_back_once_however_often_its_holder_reports(process: WorkerProcess) -> None:
    job = dispatched()
    _, claim = lost_with_a_crash(process, job)
    query("UPDATE background_job SET crashes = 2")

    for _ in range(2):
        uncount_crashes([claim])

    assert job_row(job.id, "crashes") == (1,)


def test_late_report_of_an_attempt_that_counted_no_crash_takes_none_back(process: WorkerProcess) -> None:
    holder, job = silent(process), dispatched()
    claim = claimed(holder, job)
    slots_of(process, holder)
    recovery.recover(process)
    query("UPDATE background_job SET crashes = 1")

    finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)

    assert job_row(job.id, "crashes") == (1,)


def test_paused_holder_may_finish_until_its_job_is_recovered(process: WorkerProcess) -> None:
    holder, job = silent(process), dispatched()
    claim = claimed(holder, job)
    lose(holder)

    finished = finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)
    recovery.recover(process)

    assert finished.moved == frozenset({job.id})
    assert attempts_of(job.id) == ["SUCCEEDED"]


def test_more_jobs_than_one_statement_takes_are_all_recovered(process: WorkerProcess) -> None:
    holder = silent(process)
    jobs = [dispatched() for _ in range(7)]
    for job in jobs:
        claimed(holder, job)
    lose(holder)

    counts = [len(recovered(holder.id, limit=3)) for _ in range(4)]

    assert counts == [3, 3, 1, 0]
    assert {state_of(job.id) for job in jobs} == {"pending"}


def recovered(worker_id: UUID, limit: int) -> list[workers.RecoveredJob]:
    """One statement's worth."""
    return workers.recover_jobs(worker_id, crashed=[], suspects=[], max_crashes=3, limit=limit)


def test_recovered_job_is_due_now_and_keeps_its_place(process: WorkerProcess) -> None:
    holder, job = silent(process), dispatched()
    claimed(holder, job)
    (before,) = job_row(job.id, "run_at")

    recovery.recover(process)

    assert job_row(job.id, "run_at") == (before,)
