"""A batch that had to wait for a row decides by what the row has become, and takes all the others along."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from models.ledger.finish import finish, give_back
from models.ledger.release import take_back
from tests.ledger_cases import (
    DEDUPE_S,
    claimed,
    dispatched,
    other_session,
    registered,
    state_of,
    success,
    when_somebody_waits,
)

Call = Callable[[], object]


def changed_while(url: str, change: str, job_id: object, call: Call) -> None:
    """`change` is under way when `call` begins, and commits once `call` waits for it."""
    with other_session(url) as cursor:
        cursor.execute(f"UPDATE background_job SET {change} WHERE id = %s", (job_id,))
        with when_somebody_waits(url, cursor.connection.commit):
            call()


@pytest.mark.parametrize("change", ["fence = fence + 1", "worker_id = gen_random_uuid()"])
@pytest.mark.parametrize("how", ["finish", "give back"])
def test_batch_of_a_holder_leaves_what_is_not_its_own_any_more(ledger_database: str, how: str, change: str) -> None:
    holder = registered()
    claims = [claimed(holder) for _ in range(5)]
    calls: dict[str, Call] = {
        "finish": partial(finish, holder.id, [success(one) for one in claims], dedupe_s=DEDUPE_S),
        "give back": partial(give_back, holder.id, claims),
    }

    changed_while(ledger_database, change, claims[2].job_id, calls[how])

    left = {"finish": "succeeded", "give back": "pending"}[how]
    assert [state_of(one.job_id) for one in claims] == [left, left, "running", left, left]


def test_absent_copies_are_taken_back_without_waiting_for_a_row_that_is_busy(ledger_database: str) -> None:
    jobs = [dispatched() for _ in range(5)]

    with other_session(ledger_database) as cursor:
        cursor.execute("UPDATE background_job SET release = release + 1 WHERE id = %s", (jobs[2].id,))
        take_back([(job.id, 1) for job in jobs])
        cursor.connection.commit()

    assert [state_of(one.id) for one in jobs] == ["pending", "pending", "queued", "pending", "pending"]
