"""One job that kills its worker among hundreds of good ones: it is found, it alone is dead, and nothing runs twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from types import ModuleType

import pytest

from actors.dispatch import Job, dispatch, dispatch_many
from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers

GOOD = 400
MAX_CRASHES = 2
SETTINGS = {"HEARTBEAT_SECONDS": 0.25, "LEASE_SECONDS": 1, "RELAY_SECONDS": 0.1, "MAX_CRASHES": MAX_CRASHES}


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("mishaps")


@pytest.fixture
def supervised(stage: Stage, play: ModuleType) -> Iterator[None]:
    """Workers that are started again whenever they end."""
    ending = threading.Event()

    def keep() -> None:
        while not ending.is_set():
            workers = stage.start("mishaps", threads=4, ready=False, settings=SETTINGS)
            _await_end(workers, ending)
            workers.kill()

    keeper = threading.Thread(target=keep)
    keeper.start()
    yield
    ending.set()
    keeper.join(30)


def _await_end(workers: Workers, ending: threading.Event) -> None:
    until(lambda: ending.is_set() or workers.ended, "the end of a worker", 120)


@pytest.mark.usefixtures("supervised")
def test_poison_is_the_only_one_dead_after_its_budget_of_crashes_and_one_blind_one(
    stage: Stage, play: ModuleType
) -> None:
    first = dispatch_many([Job(play.good, (number,)) for number in range(GOOD // 2)])
    poison = dispatch(play.poison)
    rest = dispatch_many([Job(play.good, (number,)) for number in range(GOOD // 2, GOOD)])
    good = [one.job_id for one in (*first, *rest)]

    stage.await_state(good, "succeeded", within_s=90)
    stage.await_state(poison.job_id, "dead", within_s=90)

    assert len(stage.trace("poisoned")) <= 1 + MAX_CRASHES
    assert stage.rows("SELECT job_id::text, reason FROM dead_letter") == [(poison.job_id, "poison")]
    assert Counter(stage.trace("calls")) == Counter(f"good:{number}" for number in range(GOOD)), "each effect once"
    assert stage.value("SELECT sum(attempts_spent) FROM background_job") == 0
