"""A worker stopped in the midst of an effect, recovered by another, and continued: nothing is sent by it after that."""

from __future__ import annotations

from typing import Final

import pytest

from models.crash_points import Action
from rehearsal.room import Places
from rehearsal.scene import Rehearsal, Scene
from servers import embedded

pytest_plugins = ["rehearsal.plugin"]

MAIL: Final = Scene("rehearsal.example", "write_to", ("ada@example.org",))


@pytest.fixture(scope="module")
def rehearsal_places(servers: embedded.Servers) -> Places:
    return Places(servers.database_url, servers.redis_url, servers.smtp_url, servers.mail_dir)


def test_stopped_between_intent_and_call_it_calls_no_more_and_says_so(rehearsal: Rehearsal) -> None:
    outcome = rehearsal(MAIL, "effect.before_call", Action.STOP)

    assert outcome.held
    assert outcome.mails == 0
    assert outcome.effects == ("FAILED",), "that nothing was sent is a fact, and an operator may requeue"


def test_stopped_between_call_and_confirmation_its_late_confirmation_is_taken(rehearsal: Rehearsal) -> None:
    outcome = rehearsal(MAIL, "effect.after_call", Action.STOP)

    assert outcome.held
    assert outcome.mails == 1
    assert outcome.effects == ("CONFIRMED",)
