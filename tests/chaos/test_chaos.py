"""A short chaos run, as a command; that its faults come from the seed alone; that its judge sees what is wrong."""

from __future__ import annotations

import json
from typing import Final

import pytest

from benchmarks.chaos import LEASE_S, Chaos, judge
from benchmarks.chaos_plan import Fault, plan
from benchmarks.chaos_play import DIES_EVERY
from scripts.main import main

#: Long enough to meet every kind of fault.
MINUTES: Final = 0.3
SEED: Final = 4


@pytest.mark.usefixtures("environment")
def test_nothing_is_lost_or_doubled_while_everything_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["bench", "chaos", "--minutes", str(MINUTES), "--seed", str(SEED), "--json"])
    found = json.loads(capsys.readouterr().out)

    assert found["breaches"] == []
    assert (found["lost"], found["doubled"], found["dead_unplanned"]) == (0, 0, 0)
    assert found["dispatched"] == found["done"] + found["dead"] > 100
    assert sum(found["faults"].values()) >= 6
    assert found["attempts"].get("LOST", 0) > 0, "workers were lost on the way"
    counters = found["counters"]
    assert set(counters["over"].values()) == {0}, "no counter says more than the rows"
    assert max(counters["short"].values()) <= counters["in_hand"], "what is short died in somebody's hands"
    assert (code, found["clean"]) == (0, True)


def test_faults_come_from_the_seed_alone() -> None:
    first, again, other = (plan(seed, 60, lease_s=LEASE_S) for seed in (7, 7, 8))

    assert first == again
    assert first != other


def test_minute_meets_every_kind_of_fault() -> None:
    kinds = {event.fault for event in plan(SEED, 60, lease_s=LEASE_S)}

    assert kinds == set(Fault)


@pytest.mark.parametrize(
    ("number", "state", "reason", "times", "expected"),
    [
        pytest.param(3, "succeeded", None, 1, {"done": 1}, id="done"),
        pytest.param(3, "succeeded", None, 2, {"done": 1, "doubled": 1}, id="done twice"),
        pytest.param(3, "succeeded", None, 0, {"done": 1, "lost": 1}, id="said to be done"),
        pytest.param(3, None, None, 0, {"lost": 1}, id="no job"),
        pytest.param(3, "pending", None, 0, {"lost": 1}, id="never run"),
        pytest.param(3, "dead", "outcome_unknown", 1, {"dead": 1, "held": 1}, id="held, as nobody can ask"),
        pytest.param(4, "dead", "outcome_unknown", 1, {"dead": 1, "held": 1, "dead_unplanned": 1}, id="held in vain"),
        pytest.param(3, "dead", "poison", 0, {"dead": 1, "dead_unplanned": 1}, id="an innocent"),
        pytest.param(DIES_EVERY - 1, "dead", "terminal", 0, {"dead": 1}, id="as planned"),
    ],
)
def test_each_job_is_judged(
    number: int, state: str | None, reason: str | None, times: int, expected: dict[str, int]
) -> None:
    found = Chaos(seed=1, minutes=1)

    judge(found, number, state, reason, times)

    counts = {name: getattr(found, name) for name in ("done", "dead", "held", "dead_unplanned", "lost", "doubled")}
    assert {name: count for name, count in counts.items() if count} == expected
