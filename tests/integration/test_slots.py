"""Slots: no more live claims than places, and none that outlives its claim."""

from __future__ import annotations

from functools import partial

import pytest

from models.database import query
from models.ledger.finish import finish
from models.ledger.slots import take_slot
from models.ledger.workers import recover_jobs
from tests.ledger_cases import claimed, in_threads, lose, registered, success

pytestmark = pytest.mark.usefixtures("ledger_database")


def test_one_more_than_the_places_is_refused() -> None:
    worker = registered()
    claims = [claimed(worker) for _ in range(3)]

    taken = [take_slot("f", claim.job_id, claim.fence, slots=2) for claim in claims]

    assert taken == [True, True, False]


def test_asking_again_for_the_place_one_has_is_granted() -> None:
    claim = claimed(registered())

    taken = [take_slot("f", claim.job_id, claim.fence, slots=1) for _ in range(2)]

    assert taken == [True, True]


def test_functions_do_not_share_places() -> None:
    worker = registered()
    first, second = claimed(worker), claimed(worker)

    taken = [take_slot("f", first.job_id, first.fence, slots=1), take_slot("g", second.job_id, second.fence, slots=1)]

    assert taken == [True, True]


def test_place_is_free_once_its_job_has_finished() -> None:
    worker = registered()
    first, second = claimed(worker), claimed(worker)
    take_slot("f", first.job_id, first.fence, slots=1)
    finish(worker.id, [success(first)], dedupe_s=60)

    assert take_slot("f", second.job_id, second.fence, slots=1)


def test_place_of_a_killed_worker_is_free_once_its_job_is_recovered() -> None:
    dead, alive = registered(), registered()
    first, second = claimed(dead), claimed(alive)
    take_slot("f", first.job_id, first.fence, slots=1)
    refused = take_slot("f", second.job_id, second.fence, slots=1)
    lose(dead)
    recover_jobs(dead.id, crashed=[], suspects=[], max_crashes=3)

    assert not refused
    assert take_slot("f", second.job_id, second.fence, slots=1)


def test_claim_that_is_over_gets_no_place() -> None:
    worker = registered()
    claim = claimed(worker)
    finish(worker.id, [success(claim)], dedupe_s=60)

    assert not take_slot("f", claim.job_id, claim.fence, slots=1)


def test_fewer_places_count_at_once() -> None:
    worker = registered()
    first, second = claimed(worker), claimed(worker)
    take_slot("f", first.job_id, first.fence, slots=3)

    assert not take_slot("f", second.job_id, second.fence, slots=1)


def test_claims_that_ask_at_the_same_moment_get_no_more_than_the_places() -> None:
    worker = registered()
    claims = [claimed(worker) for _ in range(8)]

    taken = in_threads([partial(take_slot, "f", claim.job_id, claim.fence, slots=2) for claim in claims])

    assert taken.count(True) == 2
    assert query("SELECT count(*) FROM function_slot WHERE job_id IS NOT NULL") == [(2,)]
