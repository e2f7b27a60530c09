"""What must hold of the ledger at every moment: the names and sentences of `callboard check`.

Pure: `models.readings.invariants` and `middleware.invariant_check` look, this says what was looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policy.states import Word


class Invariant(Word):
    """The stable name of an invariant; `SENTENCES` says each."""

    ONE_LIVE_CLAIM = "one-live-claim"
    RUNNING_IS_OPEN = "running-is-open"
    FINISHED_IS_CLOSED = "finished-is-closed"
    DONE_ONCE = "done-once"
    HOLDER_LIVES = "holder-lives"
    DEAD_HAS_LETTER = "dead-has-letter"
    EFFECT_HAS_ATTEMPT = "effect-has-attempt"
    EFFECT_IS_SETTLED = "effect-is-settled"
    EFFECT_HAPPENS_ONCE = "effect-happens-once"
    DUE_IS_RELEASED = "due-is-released"
    QUEUED_HAS_COPY = "queued-has-copy"
    KEYS_STAND = "keys-stand"


SENTENCES: Mapping[Invariant, str] = MappingProxyType(
    {
        Invariant.ONE_LIVE_CLAIM: "no job has two open attempts",
        Invariant.RUNNING_IS_OPEN: "a running job has its attempt open under its fence and worker, and the reverse",
        Invariant.FINISHED_IS_CLOSED: "a finished job's last attempt is closed as the job ended, and the reverse",
        Invariant.DONE_ONCE: "no job is attempted again after it has succeeded",
        Invariant.HOLDER_LIVES: "a running job's worker is alive, or was lost no longer ago than recovery takes",
        Invariant.DEAD_HAS_LETTER: "a dead job has an open letter, and an open letter's job is dead",
        Invariant.EFFECT_HAS_ATTEMPT: "an effect belongs to an attempt of its job, under that attempt's fence",
        Invariant.EFFECT_IS_SETTLED: "no effect is left open by a job that has succeeded",
        Invariant.EFFECT_HAPPENS_ONCE: "no effect was found within a day to have happened twice",
        Invariant.DUE_IS_RELEASED: "no job waits past its time without a reason: a full queue, a client at its cap, "
        "no worker",
        Invariant.QUEUED_HAS_COPY: "no released job is without a copy for longer than the sweep takes",
        Invariant.KEYS_STAND: "the unique indexes that keep a job, a key and an effect single are there and valid",
    }
)


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that should not be: which invariant, of what (an id, a queue, an index), and how it was found."""

    invariant: Invariant
    subject: str
    detail: str

    @property
    def line(self) -> str:
        """One line for people: name, subject, detail and the sentence that does not hold."""
        return f"{self.invariant}: {self.subject}: {self.detail} ({SENTENCES[self.invariant]})"
