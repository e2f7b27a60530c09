"""Beats, a lost identity that is renewed, and claims that nobody has in hand."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections.abc import Iterator

import pytest
from dramatiq.brokers.stub import StubBroker

from middleware import metrics
from middleware.claims import _start
from middleware.heartbeat import Heartbeat
from middleware.in_hand import Held
from middleware.started_slots import read_started
from middleware.worker_process import WorkerProcess
from models import database as db
from models.database import query
from models.ledger import workers
from models.ledger.finish import give_back
from models.ledger.workers import recover_jobs
from tests.broker_cases import acting_process, held_by_process
from tests.ledger_cases import attempts_of, claimed, dispatched, job_row, lose, state_of, until

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def running_heartbeat(process: WorkerProcess) -> Iterator[Heartbeat]:
    """Its heartbeat as a thread."""
    thread = Heartbeat(process)
    yield thread
    thread.end()


def started(process: WorkerProcess, held: Held) -> Held:
    """The same claim, taken up by a thread."""
    assert process.in_hand.start(held, lambda: True, timeout_s=0) is True
    process.slots.write(held.claim.job_id, held.claim.fence)
    return held


def test_first_beat_registers_the_worker(process: WorkerProcess, beating: Heartbeat) -> None:
    wait_s = beating._beat()

    assert process.registered()
    assert process.may_act(process.holder.id)
    assert 0 < wait_s <= process.settings.heartbeat_s
    assert query("SELECT id, host, pid, threads, queues, lost_at FROM worker") == [
        (process.holder.id, process.holder.host, process.holder.pid, 4, ["default"], None)
    ]


def test_beat_is_by_the_databases_clock(process: WorkerProcess, beating: Heartbeat) -> None:
    beating._beat()
    query("UPDATE worker SET heartbeat_at = heartbeat_at - interval '1 hour'")

    beating._beat()

    assert query("SELECT clock_timestamp() - heartbeat_at < interval '5 seconds' FROM worker") == [(True,)]


def test_worker_acts_until_one_beat_before_the_end_of_its_lease(process: WorkerProcess) -> None:
    lease_s, beat_s = process.settings.lease_s, process.settings.heartbeat_s

    process.beaten(time.monotonic() - (lease_s - beat_s) + 1)
    before = process.may_act()
    process.beaten(time.monotonic() - (lease_s - beat_s) - 1)
    after = process.may_act()

    assert (before, after) == (True, False)


def test_beat_that_cannot_reach_the_ledger_is_repeated_soon_and_kills_nothing(
    process: WorkerProcess, beating: Heartbeat, ledger_database: str
) -> None:
    db.close_connection()
    db.connect("postgresql://nobody@127.0.0.1:1/nowhere")

    wait_s = beating._beat()

    db.connect(ledger_database)
    assert not process.registered()
    assert 0 < wait_s <= 1
    assert beating._beat() > 0
    assert process.registered()


def test_connection_that_is_cut_between_beats_is_replaced(
    process: WorkerProcess, running_heartbeat: Heartbeat, ledger_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("middleware.heartbeat.os.kill", lambda *_: pytest.fail("the process was told to end"))
    process.settings = dataclasses.replace(process.settings, heartbeat_s=1)
    running_heartbeat.start()
    assert process.wait_until_registered(10)

    query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    query("UPDATE worker SET heartbeat_at = heartbeat_at - interval '1 hour'")

    until(lambda: query("SELECT heartbeat_at > now() - interval '1 minute' FROM worker") == [(True,)], "a new beat")
    assert running_heartbeat.is_alive()


def test_heartbeat_that_dies_ends_its_process(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    signals: list[int] = []
    monkeypatch.setattr("middleware.heartbeat.os.kill", lambda _, number: signals.append(number))
    monkeypatch.setattr(workers, "beat", lambda _: 1 / 0)
    thread = Heartbeat(process)

    with pytest.raises(ZeroDivisionError):
        thread.run()

    assert signals == [signal.SIGTERM]


def test_lost_worker_drops_what_it_has_not_started_and_registers_anew(
    process: WorkerProcess, beating: Heartbeat
) -> None:
    beating._beat()
    former = process.holder
    waiting, running = held_by_process(process), started(process, held_by_process(process))
    lose(former)

    beating._beat()
    between = (process.registered(), process.may_act())
    beating._beat()

    assert process.holder.id != former.id
    assert between == (False, False)
    assert process.registered()
    assert process.in_hand.all() == [running]
    assert process.in_hand.start(waiting, lambda: True, timeout_s=0) is False
    assert not process.may_act(former.id)
    assert query("SELECT count(*) FROM worker WHERE lost_at IS NULL") == [(1,)]


def test_lost_worker_that_lives_blames_nobody(process: WorkerProcess, beating: Heartbeat) -> None:
    beating._beat()
    former = process.holder
    started(process, held_by_process(process))
    lose(former)

    beating._beat()

    assert read_started(process.slots_folder, former.id) == {}


def test_crash_that_was_counted_against_a_worker_that_lives_is_taken_back(
    process: WorkerProcess, beating: Heartbeat
) -> None:
    beating._beat()
    former = process.holder
    running = started(process, held_by_process(process))
    lose(former)
    recover_jobs(former.id, crashed=[running.claim.job_id], suspects=[], max_crashes=3)

    beating._beat()

    assert job_row(running.claim.job_id, "crashes", "suspect") == (0, False)


def test_claim_of_a_lost_identity_that_a_thread_waits_with_goes_back_instead_of_starting(
    process: WorkerProcess, beating: Heartbeat
) -> None:
    beating._beat()
    held = held_by_process(process)
    lose(process.holder)
    held.taken_up = True  # a thread stands at its start at the very moment of the renewal
    beating._beat()
    beating._beat()

    with pytest.raises(Exception, match="went back"):
        _start(process, held)

    assert state_of(held.claim.job_id) == "pending"


def test_claim_that_nobody_has_in_hand_is_given_back_after_two_beats(
    process: WorkerProcess, beating: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(metrics, "attempts_closed", lambda actor, queue, outcome: counted.append(outcome))
    beating._beat()
    stray = dispatched()
    claimed(process.holder, stray)
    known = held_by_process(process)

    states = []
    for _ in range(3):
        beating._beat()
        states.append(state_of(stray.id))

    assert states == ["running", "pending", "pending"]
    assert attempts_of(stray.id) == counted == ["CANCELLED"]
    assert state_of(known.claim.job_id) == "running"


def test_claim_that_came_into_hand_between_two_beats_is_no_stray(process: WorkerProcess, beating: Heartbeat) -> None:
    beating._beat()
    claim = claimed(process.holder)
    beating._beat()
    process.in_hand.add([Held(claim, process.holder.id, "actor", "default")])

    for _ in range(3):
        beating._beat()

    assert state_of(claim.job_id) == "running"


def test_new_claim_on_a_job_that_was_unknown_before_has_its_own_two_beats(
    process: WorkerProcess, beating: Heartbeat
) -> None:
    beating._beat()
    job = dispatched()
    first = claimed(process.holder, job)
    beating._beat()
    give_back(process.holder.id, [first])
    query("UPDATE background_job SET state = 'queued', release = 2, released_at = now()")
    claimed(process.holder, job, 2)

    beating._beat()

    assert state_of(job.id) == "running"


def test_attempt_that_runs_for_long_is_said_to_have_started(process: WorkerProcess, beating: Heartbeat) -> None:
    beating._beat()
    held = started(process, held_by_process(process))
    before = query("SELECT started_at FROM background_function_run")
    held.claimed_s -= process.settings.heartbeat_s
    assert held.started_s is not None
    held.started_s -= process.settings.heartbeat_s

    beating._beat()

    assert before == [(None,)]
    assert query("SELECT started_at IS NOT NULL FROM background_function_run") == [(True,)]


def test_worker_that_ends_with_nothing_running_says_so(process: WorkerProcess, beating: Heartbeat) -> None:
    beating._beat()

    process.say_stopped()

    assert query("SELECT stopped_at IS NOT NULL, lost_at FROM worker") == [(True, None)]
    assert read_started(process.slots_folder, process.holder.id) is None


def test_worker_that_ends_while_a_job_runs_is_left_to_be_lost_and_blames_nobody(
    process: WorkerProcess, beating: Heartbeat
) -> None:
    beating._beat()
    started(process, held_by_process(process))

    process.say_stopped()

    assert query("SELECT stopped_at FROM worker") == [(None,)]
    assert read_started(process.slots_folder, process.holder.id) == {}


def test_give_back_commits_before_the_copy_is_acked_and_counts_what_moved(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = acting_process(StubBroker())
    one, lost = held_by_process(acting), held_by_process(acting)
    query("UPDATE background_job SET fence = 9 WHERE id = %s", (lost.claim.job_id,))

    counted: list[str] = []
    monkeypatch.setattr(metrics, "attempts_closed", lambda actor, queue, outcome: counted.append(outcome))

    acting.give_back(acting.in_hand.take_waiting())

    assert counted == ["CANCELLED"]
    assert state_of(one.claim.job_id) == "pending"
    assert state_of(lost.claim.job_id) == "running"
    assert acting.in_hand.all() == []
