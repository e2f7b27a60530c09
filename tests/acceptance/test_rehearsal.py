"""The crash-point kit over the example's actors: a subset of its points, the ones between two systems."""

from __future__ import annotations

import os
from typing import Final

import pytest

from models.crash_points import Action
from rehearsal.play import SENDER_POINTS, WORKER_POINTS
from rehearsal.room import Places
from rehearsal.scene import Outcome, Rehearsal, Scene
from servers import embedded

pytest_plugins = ["rehearsal.plugin"]

#: CALLBOARD_TEST_REHEARSAL=all plays every point.
ALL: Final = os.environ.get("CALLBOARD_TEST_REHEARSAL") == "all"
MAIL: Final = Scene("rehearsal.example", "write_to", ("ada@example.org",))
CHAIN: Final = Scene("rehearsal.example", "write_and_tell", ("ada@example.org",), mails=2)
SCENES: Final = [MAIL, CHAIN] if ALL else [MAIL]
#: One point for each kind of commit; the rest is for CALLBOARD_TEST_REHEARSAL=all.
POINTS: Final = (
    (*SENDER_POINTS, *WORKER_POINTS)
    if ALL
    else (
        "dispatch.after_commit",
        "claim.before_commit",
        "finish.after_commit",
        "recover.after_commit",
    )
)


@pytest.fixture(scope="module")
def rehearsal_places(servers: embedded.Servers) -> Places:
    return Places(servers.database_url, servers.redis_url, servers.smtp_url, servers.mail_dir)


def test_killed_at_a_point_nothing_is_lost_and_nothing_is_sent_twice(
    rehearsal: Rehearsal, scene: Scene, point: str
) -> None:
    outcome = rehearsal(scene, point)

    assert outcome.mails <= scene.mails


def test_killed_between_the_call_and_its_confirmation_is_held_for_an_operator(rehearsal: Rehearsal) -> None:
    outcome = rehearsal(MAIL, "effect.after_call")

    assert outcome.held
    assert outcome.mails == 1


def test_worker_stopped_before_its_effect_and_continued_past_its_lease_sends_nothing(rehearsal: Rehearsal) -> None:
    outcome = rehearsal(MAIL, "start.before_actor", Action.STOP)

    assert (outcome.state, outcome.mails) == ("succeeded", 1)
    assert [attempt.split()[0] for attempt in outcome.attempts] == ["LOST", "SUCCEEDED"]


def test_connection_that_breaks_after_a_claim_repeats_it_harmlessly(rehearsal: Rehearsal) -> None:
    outcome = rehearsal(MAIL, "claim.after_commit", Action.BREAK)

    assert (outcome.state, outcome.mails, outcome.attempts) == ("succeeded", 1, ("SUCCEEDED",))


def test_outcome_names_what_was_lost_and_what_happened_twice() -> None:
    lost = Outcome(MAIL, "ack.after", True, 1, "succeeded", None, (), 0, (), ())
    doubled = Outcome(MAIL, "ack.after", True, 2, "succeeded", None, (), 2, (), ())
    undone = Outcome(MAIL, "ack.after", True, 1, "dead", "poison", (), 0, (), ())
    held = Outcome(MAIL, "effect.after_call", True, 1, "dead", "outcome_unknown", (), 1, ("UNKNOWN",), ())

    assert lost.problems() == ["the job has succeeded and 0 of 1 mails were sent: lost"]
    assert doubled.problems() == ["2 jobs for one dispatch key", "2 mails instead of 1: sent twice"]
    assert undone.problems() == ["the job is dead (poison): not done"]
    assert held.problems() == []
