"""The mapped file that says, after a crash, what each thread was running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID, uuid4

from middleware.started_slots import StartedSlots, drop_started, read_started

#: Says what it runs, then waits for its end.
RUNNING = """
import sys, time
from pathlib import Path
from uuid import UUID
from middleware.started_slots import StartedSlots
slots = StartedSlots(Path(sys.argv[1]), UUID(sys.argv[2]))
slots.write(UUID(sys.argv[3]), 7)
print("running", flush=True)
time.sleep(60)
"""


def test_what_a_thread_runs_is_read_with_its_fence(tmp_path: Path) -> None:
    worker, job = uuid4(), uuid4()
    slots = StartedSlots(tmp_path, worker)

    slots.write(job, 2**40)

    assert read_started(tmp_path, worker) == {job: 2**40}


def test_what_a_thread_has_finished_is_not_read(tmp_path: Path) -> None:
    worker = uuid4()
    slots = StartedSlots(tmp_path, worker)
    slots.write(uuid4(), 1)

    slots.clear()

    assert read_started(tmp_path, worker) == {}


def test_each_thread_has_a_slot_of_its_own(tmp_path: Path) -> None:
    worker, jobs = uuid4(), [uuid4() for _ in range(8)]
    slots = StartedSlots(tmp_path, worker)
    threads = [threading.Thread(target=slots.write, args=(job, number)) for number, job in enumerate(jobs)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read_started(tmp_path, worker) == {job: number for number, job in enumerate(jobs)}


def test_next_job_of_a_thread_takes_the_place_of_the_last(tmp_path: Path) -> None:
    worker, job = uuid4(), uuid4()
    slots = StartedSlots(tmp_path, worker)

    slots.write(uuid4(), 1)
    slots.write(job, 2)

    assert read_started(tmp_path, worker) == {job: 2}


def test_more_threads_than_slots_run_without_a_report(tmp_path: Path) -> None:
    worker = uuid4()
    slots = StartedSlots(tmp_path, worker)
    threads = [threading.Thread(target=slots.write, args=(uuid4(), 1)) for _ in range(300)]

    for thread in threads:
        thread.start()
        thread.join()

    assert len(read_started(tmp_path, worker) or {}) == 256


def test_killed_process_leaves_its_report(tmp_path: Path) -> None:
    worker, job = uuid4(), uuid4()
    argv = [sys.executable, "-c", RUNNING, str(tmp_path), str(worker), str(job)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)

    assert read_started(tmp_path, worker) == {job: 7}


def test_process_that_lives_or_ends_well_reports_nothing(tmp_path: Path) -> None:
    worker = uuid4()
    slots = StartedSlots(tmp_path, worker)
    slots.write(uuid4(), 1)

    slots.report_nothing()

    assert read_started(tmp_path, worker) == {}


def test_forgotten_or_dropped_file_is_missing_not_empty(tmp_path: Path) -> None:
    one, other = uuid4(), uuid4()
    slots = StartedSlots(tmp_path, one)
    StartedSlots(tmp_path, other)

    slots.forget()
    slots.forget()
    drop_started(tmp_path, other)
    drop_started(tmp_path, other)

    assert read_started(tmp_path, one) is None
    assert read_started(tmp_path, other) is None


def test_folder_that_cannot_be_made_keeps_nothing_and_harms_nobody(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    slots = StartedSlots(file / "run", uuid4())

    slots.write(uuid4(), 1)
    slots.clear()
    slots.report_nothing()
    slots.forget()

    assert file.read_text() == "in the way"


def test_file_that_was_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    worker, job = uuid4(), UUID(int=1)
    slots = StartedSlots(tmp_path, worker)
    slots.write(job, 1)
    path = tmp_path / f"{worker}.started"
    path.write_bytes(path.read_bytes()[:30])

    assert read_started(tmp_path, worker) == {job: 1}
