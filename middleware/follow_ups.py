"""What follows from a finishing job (pipeline step, callback, group completion) is collected as jobs of its finish.

It must not know the database; the finish inserts what was collected.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dramatiq import Broker, Message
from dramatiq.errors import ActorNotFound

from middleware.envelopes import wanted_job
from middleware.in_hand import Held
from models.ledger.dispatch import Wanted
from policy.errors import FollowUpUnbuildable, FollowUpUnknown
from policy.keys import follow_up_key


@dataclass(slots=True)
class _Collection:
    held: Held
    jobs: list[Wanted] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    unbuilt: FollowUpUnbuildable | None = None


_collecting = threading.local()


def begin(held: Held) -> None:
    """From now on, what this thread enqueues belongs to the finish of `held`."""
    _collecting.now = _Collection(held)


def end() -> list[Wanted]:
    """Stop collecting and give what was collected; empty if `begin` was never called."""
    collection: _Collection | None = getattr(_collecting, "now", None)
    _collecting.now = None
    return collection.jobs if collection else []


def collect(broker: Broker, message: Message[Any], delay_ms: int | None) -> Message[Any] | None:
    """Take a message into the collection of this thread; None when this thread collects nothing.

    Its dispatch key is the parent's attempt and what kind of follow-up it is, so that a repeated finish adds nothing.
    What cannot be built is remembered: Dramatiq swallows what its own hooks raise.
    """
    collection: _Collection | None = getattr(_collecting, "now", None)
    if collection is None:
        return None
    try:
        collection.jobs.append(_follow_up(broker, message, delay_ms, collection))
    except Exception as error:  # whatever it is, the follow-up would be missing
        _remember(FollowUpUnbuildable(f"a job of {message.actor_name} cannot be built: {error}"), error)
        raise
    return message


def unknown(error: ActorNotFound) -> None:
    """A callback of this thread's job is an actor that nobody has declared here."""
    _remember(FollowUpUnknown(f"no actor {error} is declared here"), error)


def give_up_unbuilt() -> FollowUpUnbuildable | None:
    """Why not all that follows could be built, if so: nothing follows then, since the job may run again."""
    collection: _Collection | None = getattr(_collecting, "now", None)
    if collection is None or collection.unbuilt is None:
        return None
    collection.jobs.clear()
    return collection.unbuilt


def _remember(unbuilt: FollowUpUnbuildable, error: Exception) -> None:
    collection: _Collection | None = getattr(_collecting, "now", None)
    if collection is not None and collection.unbuilt is None:
        unbuilt.__cause__ = error
        collection.unbuilt = unbuilt


def _follow_up(broker: Broker, message: Message[Any], delay_ms: int | None, collection: _Collection) -> Wanted:
    kind = message.actor_name
    collection.kinds[kind] += 1
    claim = collection.held.claim
    key = follow_up_key(claim.job_id, claim.attempt, f"{kind}:{collection.kinds[kind]}")
    broker.emit_before("enqueue", message, None)
    return wanted_job(broker, message, default_key=key, delay_ms=delay_ms)
