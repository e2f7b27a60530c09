"""Dispatch against a real database: keys, duplicates, transactions."""

from __future__ import annotations

from uuid import uuid4

import pytest

from models.database import query
from models.ledger.dispatch import Blocked, Inserted, Wanted, dispatch_jobs

pytestmark = pytest.mark.usefixtures("ledger_database")


def wanted(key: str) -> Wanted:
    """A job that asks for `key`."""
    return Wanted(uuid4(), key, "actor", "default", b"{}", "family", 5)


def test_second_dispatch_of_a_held_key_names_the_holder() -> None:
    first, second = wanted("k"), wanted("k")

    answers = [dispatch_jobs([one], dedupe_s=60)[0] for one in (first, second)]

    assert answers[0] == Inserted(first.id, released=True)
    assert isinstance(answers[1], Blocked)
    assert answers[1].job_id == first.id
    assert query("SELECT count(*) FROM background_job")[0][0] == 1
