"""Where a job stands, and what comes next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.database import query
from models.ledger.cancel import cancel_job
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish
from models.ledger.letters import Operator, requeue_letter
from models.readings.outlook import outlook
from policy.states import EffectState
from tests.ledger_cases import (
    DEDUPE_S,
    claimed,
    death,
    dispatched,
    lose,
    registered,
    retry,
    success,
)
from tests.reading_cases import chain_of, effect, letter_of

pytestmark = pytest.mark.usefixtures("ledger_database")


def prospects(job: Wanted) -> tuple[str, str]:
    """The `now` and `next` of one job."""
    chain = chain_of(job.id)
    told = outlook(chain.jobs[0], chain)
    return told.now, told.next


def _waiting_for_a_retry() -> Wanted:
    holder, job = registered(), dispatched()
    finish(holder.id, [retry(claimed(holder, job), wait_s=600.0, rule="timeout")], dedupe_s=DEDUPE_S)
    return job


def _due_but_unserved() -> Wanted:
    return dispatched(queue="mail")


def _silently_running() -> Wanted:
    holder, job = registered(), dispatched()
    claimed(holder, job)
    query("UPDATE worker SET heartbeat_at = now() - interval '60 s' WHERE id = %s", (holder.id,))
    return job


def _running_on_a_lost_worker() -> Wanted:
    holder, job = registered(), dispatched()
    claimed(holder, job)
    lose(holder)
    return job


def _running() -> Wanted:
    holder, job = registered(), dispatched()
    claimed(holder, job)
    return job


def _queued() -> Wanted:
    registered()
    return dispatched()


def _succeeded() -> Wanted:
    holder, job = registered(), dispatched()
    finish(holder.id, [success(claimed(holder, job))], dedupe_s=DEDUPE_S)
    return job


def _dead() -> Wanted:
    holder, job = registered(), dispatched()
    finish(holder.id, [death(claimed(holder, job))], dedupe_s=DEDUPE_S)
    return job


def _held() -> Wanted:
    holder, job = registered(), dispatched()
    claim = claimed(holder, job)
    effect(claim, holder, "effect:1", EffectState.UNKNOWN)
    finish(holder.id, [death(claim, death="outcome_unknown")], dedupe_s=DEDUPE_S)
    return job


def _requeued() -> Wanted:
    job = _dead()
    requeue_letter(letter_of(job.id), Operator("ann"), dedupe_s=DEDUPE_S)
    return job


def _cancelled() -> Wanted:
    job = dispatched()
    cancel_job(job.id, Operator("ann"))
    return job


@pytest.mark.parametrize(
    ("make", "now", "following"),
    [
        pytest.param(
            _waiting_for_a_retry,
            "(in 9 min), after attempt 1 FAILED, retry by rule timeout",
            "A relay releases it then. It has spent 1 of 5 attempts.",
            id="waiting for a retry",
        ),
        pytest.param(_due_but_unserved, "queued: release 1", "Nothing until a worker serves queue mail", id="unserved"),
        pytest.param(_queued, "nobody has claimed it", "The next free worker of queue default", id="queued"),
        pytest.param(_running, "alive, last beat", "It ends by itself", id="running"),
        pytest.param(_silently_running, "silent, last beat 60 s ago", "declares the loss", id="silent"),
        pytest.param(_running_on_a_lost_worker, "lost, last beat", "closes the attempt as LOST", id="lost"),
        pytest.param(_succeeded, "in attempt 1", "Nothing. Until", id="succeeded"),
        pytest.param(_dead, "terminal: no", "callboard dlq requeue", id="dead"),
        pytest.param(_held, "nobody knows whether effect:1 happened", "refused now, unknown_effects", id="held"),
        pytest.param(_requeued, "pending, due", "A relay releases it within seconds", id="requeued"),
        pytest.param(_cancelled, "cancelled", "Nothing: its key is free", id="cancelled"),
    ],
)
def test_where_a_job_stands_and_what_comes_next(make: Callable[[], Wanted], now: str, following: str) -> None:
    job = make()

    told = prospects(job)

    assert now in told[0]
    assert following in told[1]


def test_key_that_has_expired_is_said_to_be_free() -> None:
    job = _succeeded()
    query("UPDATE background_job SET key_expires_at = now() - interval '1 s' WHERE id = %s", (job.id,))

    assert prospects(job)[1] == "Nothing. Its key may be dispatched again."
