"""Two copies of one job in one fetched batch: the newer release is the one that may be claimed."""

from __future__ import annotations

import dramatiq
import pytest

from middleware.claim_batch import Batch
from middleware.envelopes import released_copy
from models.database import query
from models.ledger.release import Released
from tests.broker_cases import acting_process, actor_on, broker_on
from tests.ledger_cases import attempts_of, dispatched, state_of

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_newer_release_of_a_batch_is_claimed_in_whatever_order_they_come(
    redis_url: str, order: tuple[int, int]
) -> None:
    broker = broker_on(redis_url)
    actor = actor_on(broker)
    message: dramatiq.Message[object] = actor.message()
    job = dispatched(payload=message.encode())
    query("UPDATE background_job SET release = 2 WHERE id = %s", (job.id,))
    batch = Batch(broker, "default")
    for release in order:
        name, copy = released_copy(Released(job.id, release, "default", job.payload))
        batch.add(name, copy, copy.encode())

    answers = batch.claim(acting_process(broker))

    assert [one.claim.job_id for one in answers.claimed] == [job.id]
    assert len(answers.settled) == 1
    assert state_of(job.id) == "running"
    assert attempts_of(job.id) == ["RUNNING"]
