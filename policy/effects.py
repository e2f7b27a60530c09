"""What to do about an effect as its row stands, and which failures prove that it has not happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from policy.errors import ActorVerdict, NothingDone, OutcomeUnknown
from policy.states import EffectState
from policy.symptoms import class_names, http_status_of, smtp_code_of

#: HTTP answers that say "not done". 408 and most 5xx may come from in between, after the work was done.
_REFUSING_STATUSES = frozenset(range(400, 500)) - {408, 409, 425} | {503}


@dataclass(frozen=True, slots=True)
class Found:
    """A lookup's answer: it has happened, with this result."""

    result: Any = None


@dataclass(frozen=True, slots=True)
class NotFound:
    """A lookup's answer: the other side knows nothing of it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A lookup's answer: the other side cannot say."""


class Step(Enum):
    """What comes next for an effect."""

    CALL = "call"
    REPLAY = "replay"
    WAIT = "wait"
    LOOK_UP = "look up"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class EffectFacts:
    """An effect's row: its state, whether the claim that intended it is live elsewhere, and what may be repeated."""

    state: EffectState
    live_elsewhere: bool
    repeatable: bool


def next_step(facts: EffectFacts | None, *, has_lookup: bool) -> Step:
    """The step that neither repeats the effect nor guesses.

    `repeatable` is an intent young enough for the provider to honour our key. Refused and failed effects have not
    happened: they may be intended anew.
    """
    if facts is None or facts.state in (EffectState.FAILED, EffectState.REFUSED):
        return Step.CALL
    if facts.state is EffectState.CONFIRMED:
        return Step.REPLAY
    if facts.state is EffectState.INTENDED and facts.live_elsewhere:
        return Step.WAIT
    if has_lookup:
        return Step.LOOK_UP
    return Step.CALL if facts.state is EffectState.INTENDED and facts.repeatable else Step.HOLD


def definitely_refused(error: BaseException) -> bool:
    """Whether this failure of the call proves that nothing has happened on the other side."""
    if isinstance(error, OutcomeUnknown):
        return False
    if isinstance(error, (ActorVerdict, NothingDone, ConnectionRefusedError)) or "gaierror" in class_names(error):
        return True
    if smtp_code_of(error) is not None:
        return True
    return http_status_of(error) in _REFUSING_STATUSES
