"""Who is blamed for the loss of a worker: crashes counted and taken back, suspects, death of poison."""

from __future__ import annotations

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import recovery
from middleware.started_slots import StartedSlots, read_started
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger.claim import Claimed, Holder
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish, mark_started, uncount_crashes
from models.ledger.release import release_due
from tests.broker_cases import silent, steady_process
from tests.ledger_cases import (
    DEDUPE_S,
    attempts_of,
    claimed,
    dispatched,
    in_threads,
    job_row,
    registered,
    success,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def process() -> WorkerProcess:
    """A worker process that may declare others lost."""
    return steady_process(StubBroker())


def slots_of(process: WorkerProcess, holder: Holder) -> StartedSlots:
    """The file in which that worker of this host says what it runs."""
    return StartedSlots(process.slots_folder, holder.id)


def run_again(holder: Holder, job: Wanted) -> Claimed:
    """A new claim on a job that came back."""
    (released,) = release_due("default", 1)
    return claimed(holder, job, released.release)


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
