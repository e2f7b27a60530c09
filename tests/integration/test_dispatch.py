"""Dispatch into the ledger: keys, duplicates, periods, and the rows that come of it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from models.database import query
from models.ledger.dispatch import Blocked, Inserted, count_duplicates, dispatch_jobs
from models.ledger.finish import finish
from models.ledger.workers import recover_jobs
from tests.broker_cases import counted_statements
from tests.ledger_cases import (
    DEDUPE_S,
    claimed,
    death,
    dispatched,
    in_threads,
    job_row,
    lose,
    registered,
    state_of,
    success,
    wanted,
)

pytestmark = pytest.mark.usefixtures("ledger_database")

#: Forks fifty processes that wait for one another, and prints what each was answered.
FIFTY = """
import json, os, sys
from typing import Any
from uuid import uuid4
from models import database as db
from models.ledger.dispatch import Blocked, Wanted, count_duplicates, dispatch_jobs

ready_r, ready_w = os.pipe(); go_r, go_w = os.pipe(); out_r, out_w = os.pipe()
for _ in range(50):
    if os.fork() == 0:
        os.close(go_w)
        db.connect(sys.argv[1])
        db.query("SELECT 1")
        os.write(ready_w, b".")
        os.read(go_r, 1)
        job_id = uuid4()
        (answer,) = dispatch_jobs([Wanted(job_id, "k", "actor", "default", b"{}", "family", 5)], dedupe_s=60)
        if isinstance(answer, Blocked):
            count_duplicates([answer])
        os.write(out_w, (json.dumps([type(answer).__name__, str(answer.job_id)]) + "\\n").encode())
        os._exit(0)
for _ in range(50):
    os.read(ready_r, 1)
os.close(go_w); os.close(out_w)
with os.fdopen(out_r) as answers:
    print(answers.read(), end="")
for _ in range(50):
    os.wait()
"""


def test_fifty_processes_dispatching_one_key_make_one_row_and_count_the_others(ledger_database: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIFTY, ledger_database], capture_output=True, text=True, check=True, timeout=60
    )

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    rows = query("SELECT id::text, duplicates_suppressed FROM background_job")
    assert len(answers) == 50
    assert sorted(name for name, _ in answers) == ["Blocked"] * 49 + ["Inserted"]
    assert {job_id for _, job_id in answers} == {rows[0][0]}
    assert rows == [(answers[0][1], 49)]


def test_second_dispatch_of_a_held_key_names_the_holder_its_state_and_age() -> None:
    first = dispatched("k")
    query("UPDATE background_job SET created_at = created_at - interval '1 hour'")

    (answer,) = dispatch_jobs([wanted("k")], dedupe_s=60)

    assert isinstance(answer, Blocked)
    assert (answer.job_id, answer.state) == (first.id, "queued")
    assert 3600 <= answer.age_s < 3700
    assert query("SELECT count(*) FROM background_job")[0][0] == 1


def test_single_dispatch_is_one_statement_and_a_duplicate_two() -> None:
    with counted_statements() as inserting:
        dispatched("k")
    with counted_statements() as refusing:
        dispatch_jobs([wanted("k")], dedupe_s=60)

    assert len(inserting) == 1
    assert len(refusing) == 2


def test_thousand_jobs_are_one_statement() -> None:
    jobs = [wanted() for _ in range(1000)]

    with counted_statements() as sent:
        answers = dispatch_jobs(jobs, dedupe_s=60)

    assert len(sent) == 1
    assert answers == [Inserted(job.id, True) for job in jobs]


def test_one_batch_with_the_same_key_twice_inserts_one_and_names_it_to_the_other() -> None:
    jobs = [wanted("k"), wanted("k"), wanted("other")]

    answers = dispatch_jobs(jobs, dedupe_s=60)

    assert {type(one) for one in answers[:2]} == {Inserted, Blocked}
    assert len({one.job_id for one in answers[:2]}) == 1
    assert answers[2] == Inserted(jobs[2].id, True)


def test_repeating_a_dispatch_of_the_same_job_id_is_harmless() -> None:
    job = dispatched("k")

    (answer,) = dispatch_jobs([job], dedupe_s=60)

    assert answer == Inserted(job.id, released=True), "its copy may never have been made"
    assert query("SELECT count(*) FROM background_job") == [(1,)]


def test_repeating_a_job_id_that_has_let_its_key_go_is_harmless_too() -> None:
    job = dispatched("k")
    holder = registered()
    finish(holder.id, [death(claimed(holder, job))], dedupe_s=DEDUPE_S)

    (answer,) = dispatch_jobs([job], dedupe_s=60)

    assert answer == Inserted(job.id, released=False)
    assert state_of(job.id) == "dead"


def test_due_job_is_born_queued_under_its_first_release() -> None:
    job = dispatched()

    assert job_row(job.id, "state", "release", "released_at IS NOT NULL") == ("queued", 1, True)


@pytest.mark.parametrize("named", ["delay_s", "run_at"])
def test_later_job_waits_as_pending_for_its_time(named: str) -> None:
    later: dict[str, Any] = {"delay_s": 3600.0, "run_at": datetime.now(timezone.utc) + timedelta(hours=1)}

    job = dispatched(**{named: later[named]})

    state, release, wait_s = job_row(job.id, "state", "release", "extract(epoch FROM run_at - now())::float8")
    assert (state, release) == ("pending", 0)
    assert 3500 < wait_s <= 3600


def test_run_at_in_the_past_is_due_now() -> None:
    job = dispatched(run_at=datetime(2020, 1, 1, tzinfo=timezone.utc))

    assert state_of(job.id) == "queued"


def test_held_back_job_stays_pending_for_the_relay() -> None:
    job = wanted()

    answers = dispatch_jobs([job], dedupe_s=60, hold_back=True)

    assert answers == [Inserted(job.id, released=False)]
    assert state_of(job.id) == "pending"


def test_succeeded_job_holds_its_key_within_its_period() -> None:
    holder, job = registered(), dispatched("k")
    finish(holder.id, [success(claimed(holder, job))], dedupe_s=DEDUPE_S)

    (answer,) = dispatch_jobs([wanted("k")], dedupe_s=60)

    assert isinstance(answer, Blocked)
    assert (answer.job_id, answer.state) == (job.id, "succeeded")


def test_expired_key_is_let_go_by_the_dispatch_that_meets_it() -> None:
    holder, job = registered(), dispatched("k", dedupe_s=0)
    finish(holder.id, [success(claimed(holder, job))], dedupe_s=DEDUPE_S)

    second = wanted("k")
    (answer,) = dispatch_jobs([second], dedupe_s=60)

    assert answer == Inserted(second.id, released=True)
    assert job_row(job.id, "holds_key", "state") == (False, "succeeded")
    assert job_row(second.id, "holds_key") == (True,)


def test_expired_key_met_by_many_at_once_goes_to_one_of_them(ledger_database: str) -> None:
    holder, job = registered(), dispatched("k", dedupe_s=0)
    finish(holder.id, [success(claimed(holder, job))], dedupe_s=DEDUPE_S)

    answers = in_threads([lambda: dispatch_jobs([wanted("k")], dedupe_s=60)[0] for _ in range(8)])

    assert sorted(type(one).__name__ for one in answers) == ["Blocked"] * 7 + ["Inserted"]
    assert query("SELECT count(*) FROM background_job WHERE holds_key AND dispatch_key = 'k'") == [(1,)]


def test_key_of_a_running_job_does_not_expire() -> None:
    holder, job = registered(), dispatched("k", dedupe_s=0)
    claimed(holder, job)

    (answer,) = dispatch_jobs([wanted("k")], dedupe_s=60)

    assert isinstance(answer, Blocked)
    assert (answer.job_id, answer.state) == (job.id, "running")


@pytest.mark.parametrize("end", ["dead", "poison", "cancelled"])
def test_job_that_was_given_up_does_not_hold_its_key(end: str) -> None:
    holder, job = registered(), dispatched("k")
    claim = claimed(holder, job)
    if end == "poison":
        lose(holder)
        recover_jobs(holder.id, crashed=[job.id], suspects=[], max_crashes=1)
    else:
        done = death(claim) if end == "dead" else success(claim, status="CANCELLED", state="cancelled")
        finish(holder.id, [done], dedupe_s=DEDUPE_S)

    second = wanted("k")
    (answer,) = dispatch_jobs([second], dedupe_s=60)

    assert answer == Inserted(second.id, released=True)


def test_dispatch_touches_no_other_job() -> None:
    job = dispatched("k")
    before = job_row(job.id, "xmin::text", "xmax::text")

    dispatch_jobs([wanted("k")], dedupe_s=60)

    assert job_row(job.id, "xmin::text", "xmax::text") == before


def test_duplicates_are_counted_on_the_jobs_that_hold_the_keys() -> None:
    one, other = dispatched("k"), dispatched("l")
    blocked = [Blocked(job.id, "queued", 0.0) for job in (one, other, one)]

    count_duplicates(blocked)
    count_duplicates([Blocked(uuid4(), "queued", 0.0)])

    assert job_row(one.id, "duplicates_suppressed") == (2,)
    assert job_row(other.id, "duplicates_suppressed") == (1,)
