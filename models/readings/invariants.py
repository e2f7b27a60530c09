"""Looks for rows that break an invariant (`policy.invariants`); what only Redis can say, the middleware adds.

Cheap enough for every minute: each query goes over an index and looks at the newest rows, or at those in work, only.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.database import run
from policy.invariants import Breach, Invariant

#: Attempts and letters looked at, the newest ones, unless all are asked for.
NEWEST = 20_000
#: Breaches of a kind that are told; the first ones say enough.
TOLD_MAX = 50
#: A job that has been due for so long, in s, and a loss that was declared so long ago, need a reason.
PATIENCE_S = 60.0
#: A worker silent for so long, in s, should have been declared lost. Longer than recovery takes: after an outage of the
#: ledger relays wait until they have beaten for a whole lease themselves.
SILENCE_S = 600.0
#: What the promises rest on: one job an id, one live job a key, one effect a key, one open letter a job.
UNIQUE_INDEXES = (
    "background_job_pkey",
    "background_job_dispatch_key",
    "side_effect_pkey",
    "dead_letter_open_job",
)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a check goes: the `newest` attempts and letters (None: all), and how long things may take, in s."""

    newest: int | None = NEWEST
    patience_s: float = PATIENCE_S
    silence_s: float = SILENCE_S


def breaches(extent: Extent, *, client_max: int, redis_answers: bool = True) -> list[Breach]:
    """What rows alone can tell. Without Redis nothing can be released, so nothing due is blamed.

    Raises psycopg2.Error.
    """
    found = [
        *run("check_attempts", (extent.newest, TOLD_MAX)),
        *run("check_running", (TOLD_MAX, extent.patience_s, extent.silence_s)),
        *run("check_letters", (extent.newest, TOLD_MAX)),
        *run("check_effects", (extent.newest, TOLD_MAX)),
        *run("check_keys", (list(UNIQUE_INDEXES),)),
    ]
    if redis_answers:
        found += run("check_due", (extent.patience_s, TOLD_MAX, client_max))
    return list(dict.fromkeys(Breach(Invariant(name), subject, detail) for name, subject, detail in found))
