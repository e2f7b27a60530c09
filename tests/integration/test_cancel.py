"""Cancel: a job that has not begun is closed and lets go of its key; any other is refused, on record."""

from __future__ import annotations

from uuid import uuid4

import pytest

from models.database import query
from models.ledger.cancel import cancel_job
from models.ledger.claim import Refused
from models.ledger.finish import finish
from models.ledger.letters import Operator
from policy.errors import InvariantRefused, NotFound
from policy.states import RefusedCopy
from tests.ledger_cases import (
    DEDUPE_S,
    answers_to,
    claimed,
    copy_of_job,
    dispatched,
    in_threads,
    job_row,
    registered,
    state_of,
    success,
)

pytestmark = pytest.mark.usefixtures("ledger_database")

ANN = Operator("ann", "not wanted")


def log() -> list[tuple[object, ...]]:
    return query("SELECT operator, verb, target, reason, before, after, result FROM operator_action ORDER BY id")


@pytest.mark.parametrize("delay_s", [None, 3_600.0], ids=["queued", "pending"])
def test_job_that_has_not_begun_is_cancelled_and_its_key_is_free(delay_s: float | None) -> None:
    job = dispatched("k", delay_s=delay_s, actor="send", client_id="acme")
    before = state_of(job.id)

    answer = cancel_job(job.id, ANN)

    assert (answer.job_id, answer.actor, answer.client_id) == (job.id, "send", "acme")
    assert job_row(job.id, "state", "holds_key", "finished_at IS NOT NULL") == ("cancelled", False, True)
    assert log() == [("ann", "cancel", str(job.id), "not wanted", {"state": before}, {"state": "cancelled"}, "done")]
    assert dispatched("k").id != job.id


def test_copy_of_a_cancelled_job_is_refused_at_the_claim() -> None:
    holder, job = registered(), dispatched()
    cancel_job(job.id, ANN)

    answers = answers_to(holder, copy_of_job(job))

    assert answers == {job.id: Refused(RefusedCopy.CANCELLED)}


def test_running_job_is_refused_and_the_refusal_is_on_record() -> None:
    job = dispatched()
    claimed(registered(), job)

    with pytest.raises(InvariantRefused, match=str(job.id)) as refused:
        cancel_job(job.id, ANN)

    assert refused.value.reason == "running"
    assert state_of(job.id) == "running"
    assert [row[4:] for row in log()] == [({"state": "running"}, None, "refused: running")]


def test_finished_job_is_refused() -> None:
    holder, job = registered(), dispatched()
    finish(holder.id, [success(claimed(holder, job))], dedupe_s=DEDUPE_S)

    with pytest.raises(InvariantRefused) as refused:
        cancel_job(job.id, ANN)

    assert refused.value.reason == "finished"
    assert state_of(job.id) == "succeeded"


def test_unknown_job_is_not_found_and_leaves_no_record() -> None:
    with pytest.raises(NotFound):
        cancel_job(uuid4(), ANN)

    assert log() == []


def test_of_a_cancel_and_a_claim_at_once_one_wins() -> None:
    holder = registered()
    for _ in range(20):
        job = dispatched()

        def cancel(job_id: object = job.id) -> bool:
            try:
                cancel_job(job_id, ANN)  # type: ignore[arg-type]
            except InvariantRefused:
                return False
            return True

        def take(copy: object = copy_of_job(job)) -> bool:
            return not isinstance(next(iter(answers_to(holder, copy).values())), Refused)  # type: ignore[arg-type]

        won = in_threads([cancel, take])

        assert sorted(won) == [False, True]
        assert state_of(job.id) == ("cancelled" if won[0] else "running")
