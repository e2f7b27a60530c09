"""docs/rollout.md rehearsed: a foreign application is taken in, share by share, and back; each loaf is baked once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from types import ModuleType

import pytest
from dramatiq.brokers.redis import RedisBroker

from tests.acceptance.stage import PLAYS, Stage
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers


@pytest.fixture(scope="module")
def bakery(stage: Stage) -> ModuleType:
    shutil.copy(PLAYS / "bakery_stock.py", stage.folder)
    return stage.bring("bakery")


@pytest.fixture(scope="module")
def shop(stage: Stage) -> Iterator[RedisBroker]:
    """The application's own broker, which sends."""
    broker = RedisBroker(url=stage.environ["CALLBOARD_REDIS_URL"])  # type: ignore[no-untyped-call]
    yield broker
    broker.client.close()


class Rollout:
    """One application on its way: orders are numbered on, and every loaf is looked for."""

    def __init__(self, stage: Stage, bakery: ModuleType, shop: RedisBroker) -> None:
        self._stage, self._bakery, self._shop = stage, bakery, shop
        self._ordered = 0

    def order(self, count: int, share: int) -> range:
        """Send so many orders, that share of them to Callboard."""
        numbers = range(self._ordered, self._ordered + count)
        self._ordered += count
        for number in numbers:
            self._shop.enqueue(self._bakery.routed(self._bakery.bake.message(number), share))
        return numbers

    def bakers(self, numbers: range) -> Counter[str]:
        """Who baked these, once all are baked; each loaf once."""
        until(lambda: {int(number) for number, _ in self._baked()} >= set(numbers), "all loaves", 30)
        mine = [(number, baker) for number, baker in self._baked() if int(number) in numbers]
        assert len(mine) == len(numbers)
        return Counter(baker for _, baker in mine)

    def _baked(self) -> list[list[str]]:
        return [line.split() for line in self._stage.trace("baked")]


def stock(stage: Stage) -> Workers:
    """The workers as they were, kept to the queue as it was."""
    stage.environ["BAKER"] = "stock"
    try:
        return stage.run(["-m", "dramatiq", "-p", "1", "-t", "2", "bakery_stock:broker", "bakery", "-Q", "ovens"])
    finally:
        del stage.environ["BAKER"]


def callboard(stage: Stage, *queues: str) -> Workers:
    """Callboard's workers on these queues."""
    return stage.run(["-m", "dramatiq", "-p", "1", "-t", "2", "actors.broker:setup", "bakery", "-Q", *queues]).ready()


def jobs(stage: Stage) -> dict[str, int]:
    return dict(stage.rows("SELECT queue || ' ' || state, count(*) FROM background_job GROUP BY 1"))


def test_application_is_taken_in_share_by_share_and_back_and_every_loaf_is_baked_once(
    stage: Stage, bakery: ModuleType, shop: RedisBroker
) -> None:
    rollout, before = Rollout(stage, bakery, shop), stock(stage)

    nothing_routed = rollout.bakers(rollout.order(20, share=0))
    ours = callboard(stage, "ovens.callboard")
    half = rollout.bakers(rollout.order(60, share=50))
    routed = half["callboard"]
    until(lambda: jobs(stage) == {"ovens.callboard succeeded": routed}, "the ledger of the routed half")
    rolled_back = rollout.bakers(rollout.order(20, share=0))
    all_routed = rollout.bakers(rollout.order(20, share=100))
    before.stop()
    left_behind = rollout.order(10, share=0)
    ours.stop()
    callboard(stage, "ovens", "ovens.callboard")

    assert nothing_routed == {"stock": 20}
    assert 10 < routed < 50
    assert half["stock"] == 60 - routed
    assert rolled_back == {"stock": 20}
    assert all_routed == {"callboard": 20}
    assert rollout.bakers(left_behind) == {"callboard": 10}
    retried = "SELECT count(*) FROM background_job WHERE attempts > 1 AND state = 'succeeded'"
    assert stage.value(retried) > 0
