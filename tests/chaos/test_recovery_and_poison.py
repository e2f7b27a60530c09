"""Short runs of the recovery and poison benchmarks, as commands; that what they call held is what they say it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.poison import CRASHES_AT_MOST, Caught
from benchmarks.recovery import Kills
from scripts.main import main


def results(text: str) -> dict[str, dict[str, Any]]:
    """The results of a benchmark's JSON, by name."""
    return {one["name"]: one for one in json.loads(text)["results"]}


@pytest.mark.usefixtures("environment")
def test_jobs_of_killed_workers_come_back_after_a_lease_and_are_done_once(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["bench", "recovery", "--kills", "3", "--together", "3", "--lease", "3", "--json"])
    output = capsys.readouterr().out
    found = results(output)

    assert code == 0
    assert found["kills"]["value"] == 3
    assert (found["lost"]["value"], found["doubled"]["value"]) == (0, 0)
    assert found["recovery"]["low"] >= 3, "nobody is lost before the lease is over"
    assert "observed 3 losses" in json.loads(output)["notes"][1], "the metric saw what the rows say"


@pytest.mark.usefixtures("environment")
def test_poison_alone_is_dead_among_hundreds(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["bench", "poison", "--good", "300", "--json"])
    found = results(capsys.readouterr().out)

    assert code == 0
    assert 0 < found["crashes"]["value"] <= CRASHES_AT_MOST
    assert (found["dead"]["value"], found["innocent-dead"]["value"]) == (1, 0)
    assert (found["undone"]["value"], found["doubled"]["value"]) == (0, 0)


@pytest.mark.parametrize(
    ("seconds", "lost", "holds"),
    [
        pytest.param([31.0, 34.0, 44.9], 0, True, id="in time"),
        pytest.param([31.0, 34.0, 45.1], 0, False, id="one too late"),
        pytest.param([31.0, 35.1, 36.0], 0, False, id="the median too late"),
        pytest.param([31.0, 32.0], 0, False, id="one never seen"),
        pytest.param([31.0, 32.0, 33.0], 1, False, id="a job lost"),
    ],
)
def test_kills_hold_only_in_time_and_without_a_loss(seconds: list[float], lost: int, holds: bool) -> None:
    assert Kills(kills=3, recovery_s=seconds, lost=lost).holds is holds


@pytest.mark.parametrize(
    ("caught", "holds"),
    [
        pytest.param(Caught(9, crashes=4, dead=1), True, id="caught"),
        pytest.param(Caught(9, crashes=5, dead=1), False, id="too many crashes"),
        pytest.param(Caught(9, crashes=4, dead=0), False, id="not caught"),
        pytest.param(Caught(9, crashes=3, dead=1, innocent=1), False, id="an innocent is dead"),
        pytest.param(Caught(9, crashes=3, dead=1, doubled=1), False, id="a good one twice"),
        pytest.param(Caught(9, crashes=3, dead=1, spent=1), False, id="a good one spent an attempt"),
    ],
)
def test_poison_is_caught_only_alone_and_soon_enough(caught: Caught, holds: bool) -> None:
    assert caught.holds is holds
