"""All statements of the ledger at once, over the same few jobs and keys: nothing surfaces, no row contradicts."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from uuid import uuid4

import psycopg2
import pytest

from models.database import query
from models.ledger import workers
from models.ledger.claim import Claimed, Holder, claim
from models.ledger.dispatch import Blocked, count_duplicates, dispatch_jobs
from models.ledger.finish import Finish, finish, give_back, mark_started
from models.ledger.letters import Operator, requeue_letter
from models.ledger.release import release_due, take_back
from policy.errors import DispatchContended, InvariantRefused, LedgerUnavailable
from tests.ledger_cases import copy_of_job, death, in_threads, plain_send, registered, retry, success, wanted

pytestmark = pytest.mark.usefixtures("ledger_database")

#: How long the statements are hammered, in s.
HAMMERED_S = 6.0
KEYS = [f"key-{number}" for number in range(12)]


class Stage:
    """What the threads share: the workers that are alive and what they have claimed."""

    def __init__(self) -> None:
        self.until_s = time.monotonic() + HAMMERED_S
        self.lock = threading.Lock()
        self.holders: list[Holder] = [registered() for _ in range(3)]
        self.claims: list[tuple[Holder, Claimed]] = []
        self.counts: Counter[str] = Counter()

    def some_claims(self, rand: random.Random, many: int = 12) -> list[tuple[Holder, Claimed]]:
        """Some claims of one holder, which are nobody else's then, shuffled."""
        with self.lock:
            holder = rand.choice(self.holders + [one for one, _ in self.claims[:3]])
            taken = [one for one in self.claims if one[0].id == holder.id]
            rand.shuffle(taken)
            taken = taken[:many]
            self.claims = [one for one in self.claims if one not in taken]
        return taken


def dispatch_some(stage: Stage, rand: random.Random) -> None:
    """Jobs with held, free and expired keys, in any order."""
    jobs = [wanted(rand.choice(KEYS) if rand.random() < 0.6 else None, client_id=rand.choice("abc")) for _ in range(15)]
    answers = dispatch_jobs(jobs, dedupe_s=0, hold_back=rand.random() < 0.5)
    count_duplicates([one for one in answers if isinstance(one, Blocked)])
    stage.counts["dispatched"] += len(answers)


def claim_some(stage: Stage, rand: random.Random) -> None:
    """A batch of released copies, stale ones and plain sends, in any order."""
    rows = query(
        "SELECT id, release, state FROM background_job WHERE state IN ('queued', 'running') ORDER BY random() LIMIT 15"
    )
    copies = [copy_of_job(wanted(id=row[0]), row[1] + (rand.random() < 0.1)) for row in rows]
    copies += [plain_send(rand.choice(KEYS) if rand.random() < 0.5 else None) for _ in range(3)]
    rand.shuffle(copies)
    holder = rand.choice(stage.holders)
    answers = claim(holder, uuid4(), copies, dedupe_s=0)
    taken = [one for one in answers.values() if isinstance(one, Claimed)]
    with stage.lock:
        stage.claims += [(holder, one) for one in taken]
    stage.counts["claimed"] += len(taken)


def finish_some(stage: Stage, rand: random.Random) -> None:
    """Outcomes of every kind; some have follow-ups whose keys are contended."""
    taken = stage.some_claims(rand)
    if not taken:
        return
    batch: list[Finish] = []
    for _, one in taken:
        follow_ups = [wanted(rand.choice(KEYS))] if rand.random() < 0.3 else []
        batch.append(rand.choice([success, success, retry, death])(one, follow_ups=follow_ups))
    mark_started([(done.claim, 0.0) for done in batch])
    finished = finish(taken[0][0].id, batch, dedupe_s=0)
    stage.counts["finished"] += len(finished.moved)


def give_some_back(stage: Stage, rand: random.Random) -> None:
    """Claims that never started."""
    if taken := stage.some_claims(rand, 4):
        stage.counts["given back"] += len(give_back(taken[0][0].id, [one for _, one in taken]))


def release_some(stage: Stage, rand: random.Random) -> None:
    """What the relay does, and the sweep."""
    released = release_due("default", 40)
    stage.counts["released"] += len(released)
    rand.shuffle(released)
    stage.counts["taken back"] += len(take_back([(one.job_id, one.release) for one in released[:10]]))


def lose_one(stage: Stage, rand: random.Random) -> None:
    """A worker falls silent; another takes its place."""
    new = registered()
    with stage.lock:
        lost = stage.holders.pop(rand.randrange(len(stage.holders)))
        stage.holders.append(new)
    workers.declare_lost({lost.id: workers.beats()[lost.id]})
    held = [row[0] for row in workers.held_by(lost.id)]
    while recovered := workers.recover_jobs(lost.id, crashed=held[::3], suspects=held[1::3], max_crashes=3, limit=7):
        stage.counts["recovered"] += len(recovered)


def requeue_some(stage: Stage, rand: random.Random) -> None:
    """Operators bring dead jobs back."""
    for (letter,) in query("SELECT id FROM dead_letter WHERE resolution = 'OPEN' ORDER BY random() LIMIT 3"):
        try:
            requeue_letter(letter, Operator("test"), dedupe_s=0)
            stage.counts["requeued"] += 1
        except InvariantRefused:
            stage.counts["requeue refused"] += 1


def hammer(stage: Stage, step: Callable[[Stage, random.Random], None], seed: int) -> None:
    """One step after another until the time is over; counts what is contention, raises all else."""
    rand = random.Random(seed)
    while time.monotonic() < stage.until_s:
        try:
            step(stage, rand)
        except DispatchContended:
            stage.counts["contended"] += 1
        except LedgerUnavailable:
            stage.counts["claim repeated"] += 1
        except psycopg2.Error as error:
            stage.counts[f"{step.__name__}: {error.pgcode} {type(error).__name__}"] += 1
        threading.Event().wait(0.05 if step in (lose_one, requeue_some) else 0.002)


def test_statements_hammered_from_all_sides_let_no_deadlock_surface_and_leave_no_contradiction() -> None:
    stage = Stage()
    steps = [dispatch_some, dispatch_some, claim_some, claim_some, finish_some, finish_some, give_some_back]
    steps += [release_some, release_some, lose_one, requeue_some]

    in_threads([partial(hammer, stage, step, seed) for seed, step in enumerate(steps)])

    done = {name for name, count in stage.counts.items() if count}
    assert {name: count for name, count in stage.counts.items() if ":" in name} == {}
    assert {"dispatched", "claimed", "finished", "given back", "released", "taken back", "recovered"} <= done
    assert contradictions() == {}


def contradictions() -> dict[str, int]:
    """Invariants that no row may break, with how many do."""
    checks = {
        "running jobs without exactly one open attempt": (
            "SELECT count(*) FROM background_job AS job WHERE state = 'running' AND 1 <> (SELECT count(*) FROM"
            " background_function_run AS run WHERE run.job_id = job.id AND run.status = 'RUNNING')"
        ),
        "open attempts of jobs that do not run": (
            "SELECT count(*) FROM background_function_run AS run JOIN background_job AS job ON job.id = run.job_id"
            " WHERE run.status = 'RUNNING' AND job.state <> 'running'"
        ),
        "attempt numbers with gaps": (
            "SELECT count(*) FROM background_job AS job WHERE attempts <> (SELECT count(*) FROM"
            " background_function_run AS run WHERE run.job_id = job.id)"
        ),
        "keys held twice": (
            "SELECT count(*) FROM (SELECT FROM background_job WHERE holds_key GROUP BY dispatch_key"
            " HAVING count(*) > 1) AS twice"
        ),
        "dead jobs without one open letter": (
            "SELECT count(*) FROM background_job AS job WHERE state = 'dead' AND 1 <> (SELECT count(*) FROM"
            " dead_letter WHERE job_id = job.id AND resolution = 'OPEN')"
        ),
        "open letters of living jobs": (
            "SELECT count(*) FROM dead_letter JOIN background_job AS job ON job.id = job_id"
            " WHERE resolution = 'OPEN' AND job.state <> 'dead'"
        ),
        "fences that are not the number of claims": "SELECT count(*) FROM background_job WHERE fence <> attempts",
    }
    found = {name: int(query(sql)[0][0]) for name, sql in checks.items()}
    return {name: count for name, count in found.items() if count}
